// When WAL was written, by this machine's clock.
#pragma once

#include <optional>

#include "base/clock.h"
#include "probes/probe.h"
#include "verify/wal_name.h"

namespace drwatch::probes {

// Where WAL ends, run after run: what is there was written before it was first seen to reach there,
// whatever the clocks of its server and of the files say. Not for several threads at once.
class WrittenBy {
 public:
  // What ends at `end` was written at that time at the latest. `commit`: its last one, by the
  // server's clock; `modified`: its last file, by the clock of the file system. While the commit
  // shows that the server's clock is ahead, the file's time counts, too: it was there at a start of
  // this program that knows nothing of what was before.
  base::Timestamp Latest(verify::Lsn end, std::optional<base::Timestamp> commit,
                         std::optional<base::Timestamp> modified, const RunContext& context);

 private:
  verify::Lsn end_ = 0;
  base::SteadyTime since_{};
};

}  // namespace drwatch::probes
