// Targets given on the command line instead of a configuration: postgres://db1/shop, /backup/daily.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"

namespace drwatch::exporter {

// True for text that names a target rather than a probe: it has "://" or is a path ("/x", "./x",
// "../x").
bool LooksLikeTarget(std::string_view selector);

// The probe for a target, with defaults for everything else. Errors: an unknown scheme, a path that
// does not exist.
base::Result<config::Probe> MakeAdHocProbe(const std::string& target);

// The probe itself; of a folder that is a backup program's repository, with no loose backups in it,
// one for each stanza (or server); of a WAL archive one that asks for what is missing. A bucket is
// listed for that.
std::vector<config::Probe> EachStanza(config::Probe probe);

}  // namespace drwatch::exporter
