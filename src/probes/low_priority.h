// For threads that may wait: verification in the background.
#pragma once

namespace drwatch::probes {

// Everything else on the machine goes before the calling thread, for the processor and the disk.
void LowerPriority();

}  // namespace drwatch::probes
