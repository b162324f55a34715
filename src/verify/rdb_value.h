// The values in an RDB file: one function a type.
#pragma once

#include "verify/rdb_fields.h"

namespace drwatch::verify {

enum class RdbServer { kRedis, kValkey };

// How a value is laid out. Numbers of rdb.h (RDB_TYPE_*), but for 22, which Redis and Valkey use
// for different things.
enum class RdbType {
  kString = 0,
  kList = 1,
  kSet = 2,
  kSortedSetText = 3,
  kHash = 4,
  kSortedSet = 5,
  kModule = 7,
  kHashZipmap = 9,
  kListZiplist = 10,
  kSetIntset = 11,
  kSortedSetZiplist = 12,
  kHashZiplist = 13,
  kQuicklist = 14,
  kStream = 15,
  kHashListpack = 16,
  kSortedSetListpack = 17,
  kQuicklist2 = 18,
  kStream2 = 19,
  kSetListpack = 20,
  kStream3 = 21,
  kHashExpiryPreGa = 22,
  kHashListpackExpiryPreGa = 23,
  kHashExpiry = 24,
  kHashListpackExpiry = 25,
  kValkeyHashExpiry = 1022,
};

// nullopt: no such type (6, modules before Redis 4, is one nobody can walk).
std::optional<RdbType> RdbTypeOf(unsigned code, RdbServer server);
void SkipRdbValue(RdbFields& in, RdbType type);
// What modules store beside their keys.
void SkipModuleAux(RdbFields& in);

}  // namespace drwatch::verify
