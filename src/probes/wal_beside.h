// WAL between what is asked for as backups.
#pragma once

#include "catalog/artefact.h"

namespace drwatch::probes {

// Leaves out files of WAL archives, by their names, and notes how many they were: none of them is
// the newest backup of a place that nobody described.
void LeaveWalOut(catalog::Listing& listing);

}  // namespace drwatch::probes
