// What is needed to reach a receiver that left the configuration, as the database keeps it. Pure.
#pragma once

#include <memory>
#include <string>

#include "config/receiver_config.h"

namespace drwatch::notify {

// Everything but the wording; empty if a secret is given in place, because that is never stored.
std::string EncodeIntegration(const config::Integration& integration);
// nullptr if there is nothing to be had from it.
std::shared_ptr<const config::Integration> DecodeIntegration(const std::string& text);

}  // namespace drwatch::notify
