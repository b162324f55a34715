// What is wrong with the files of one pgBackRest backup, as its verdict names it. Used by
// pgbackrest_*.cc only.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "catalog/place.h"
#include "verify/pgbackrest_manifest.h"
#include "verify/verdict.h"

namespace drwatch::catalog {

// Lines of details in a verdict.
inline constexpr std::size_t kMaxPgBackRestDetails = 20;

// The verdict on what has that name in the backup's stanza.
verify::Verdict VerdictOf(verify::Fault fault, const std::string& name);

// Keeps as many damages as a verdict names, the broken ones before those that cannot be judged,
// then in the order of names.
class PgBackRestDamages {
 public:
  // `stanza`, "backup/main/", outlives it.
  explicit PgBackRestDamages(const std::string& stanza) : stanza_(stanza) {}

  // `object` is the name in the place; `file`, unless it is nullptr, the one in it, whose name may
  // not be known. Thread-safe.
  void Add(const std::string& object, const verify::PgBackRestFile* file, verify::Fault fault);
  // Looks up the names of files that only their numbers are known of.
  void FindNames(Place& place, const std::string& manifest, verify::ReadBudget& budget);
  // Puts them into a verdict, which leaves nothing here.
  void MoveTo(verify::Verdict& verdict);

 private:
  struct Damage {
    std::string object;
    verify::Fault fault;
  };
  template <typename Key>
  using Damages = std::map<std::pair<bool, Key>, Damage>;

  template <typename Key>
  static void Keep(Damages<Key>& damages, Key key, Damage damage);
  std::string NameOf(const std::string& object, const std::string& file) const;

  const std::string& stanza_;
  std::mutex mutex_;  // what follows
  Damages<std::string> damages_;
  Damages<std::int64_t> nameless_;
  std::int64_t count_ = 0;  // in all
};

}  // namespace drwatch::catalog
