// The names of files that Redis, Valkey and KeyDB write to, and rename once they are whole. Pure.
#pragma once

#include <string_view>

namespace drwatch::verify {

// Before each of them.
inline constexpr std::string_view kRedisTemporaryPrefix = "temp-";

// True for what a server that is killed leaves behind. By what it was doing: a snapshot
// "temp-4711.rdb" ("temp-4711-2.rdb" of KeyDB), a full synchronisation "temp-1764660000.4711.rdb",
// a rewrite of the append-only file "temp-rewriteaof-4711.aof" and "temp-rewriteaof-bg-4711.aof",
// turning that on "temp-appendonly.aof.incr", changing its manifest
// "temp-appendonly.aof.manifest".
bool IsRedisTemporaryName(std::string_view name);

}  // namespace drwatch::verify
