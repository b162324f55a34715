#include "catalog/pgbackrest_damages.h"

#include <iterator>

#include "catalog/pgbackrest_texts.h"
#include "verify/file_verifier.h"

namespace drwatch::catalog {

using verify::Outcome;
using verify::Verdict;

Verdict VerdictOf(verify::Fault fault, const std::string& name) {
  Verdict verdict;
  verdict.outcome = fault.outcome;
  verdict.reason = fault.reason;
  verdict.place = name + (fault.place.empty() ? "" : ": " + fault.place);
  verdict.message = std::move(fault.message);
  if (verdict.outcome == Outcome::kUnjudged && verdict.reason == model::Reason::kUnverified) {
    verdict.level = verify::Level::kSize;
  }
  return verdict;
}

template <typename Key>
void PgBackRestDamages::Keep(Damages<Key>& damages, Key key, Damage damage) {
  const bool broken = damage.fault.outcome == Outcome::kBroken;
  damages.emplace(std::pair(!broken, std::move(key)), std::move(damage));
  if (damages.size() > kMaxPgBackRestDetails + 1) damages.erase(std::prev(damages.end()));
}

// `object` is the name in the place, `file` that in the manifest; both are said where they differ.
std::string PgBackRestDamages::NameOf(const std::string& object, const std::string& file) const {
  std::string name = object.substr(stanza_.size());
  if (!file.empty() && name.find(file) == name.npos) name += ": " + file;
  return name;
}

void PgBackRestDamages::Add(const std::string& object, const verify::PgBackRestFile* file,
                            verify::Fault fault) {
  const std::lock_guard lock(mutex_);
  ++count_;
  if (file != nullptr && file->name.empty()) {
    Keep(nameless_, file->number, {object, std::move(fault)});
  } else {
    Keep(damages_, NameOf(object, file != nullptr ? file->name : ""), {object, std::move(fault)});
  }
}

void PgBackRestDamages::FindNames(Place& place, const std::string& manifest,
                                  verify::ReadBudget& budget) {
  const std::lock_guard lock(mutex_);
  if (nameless_.empty()) return;
  std::map<std::int64_t, std::string> names;
  for (const auto& [key, damage] : nameless_) names[key.second];
  auto stream = ManifestStream::Open(place, manifest, budget);
  verify::PgBackRestFile file;
  while (stream) {
    const auto more = (*stream)->files().Next(file);
    if (!more || !*more) break;
    if (const auto name = names.find(file.number); name != names.end()) name->second = file.name;
  }
  for (auto& [key, damage] : nameless_) {
    std::string name = NameOf(damage.object, names[key.second]);
    Keep(damages_, std::move(name), std::move(damage));
  }
  nameless_.clear();
}

void PgBackRestDamages::MoveTo(Verdict& verdict) {
  const std::lock_guard lock(mutex_);
  for (auto damage = damages_.begin(); damage != damages_.end(); ++damage) {
    Verdict part = VerdictOf(std::move(damage->second.fault), damage->first.second);
    if (damage == damages_.begin()) {
      verify::AddPart(verdict, std::move(part));
    } else if (verdict.details.size() < kMaxPgBackRestDetails) {
      verdict.details.push_back(part.ToString());
    }
  }
  if (count_ > 1) {
    verdict.details.push_back(std::to_string(count_) + " files are damaged in all");
  }
  damages_.clear();
}

}  // namespace drwatch::catalog
