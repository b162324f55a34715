// Does a setting have its promised value, however it is written? Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace drwatch::probes {

// "on" is "true" is "1"; "1GB" is "1024MB"; "5min" is "300s"; "Replica" is "replica". Both sides in
// PostgreSQL's units; a bare number equals only the same bare number.
bool SameSetting(std::string_view expected, std::string_view actual);

// Settings whose values may hold credentials (commands, connection strings): never shown.
bool IsSecretSetting(std::string_view name);

}  // namespace drwatch::probes
