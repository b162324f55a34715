#include "catalog/last_look.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "catalog/artefact_time.h"

namespace drwatch::catalog {

// Fingerprints are hashes: their high bits are as good as any.
std::size_t LastLook::SlotOf(std::uint64_t fingerprint) const {
  return static_cast<std::size_t>((fingerprint >> 32) * slots_.size() >> 32);
}

const LastLook::Known* LastLook::Find(std::uint64_t fingerprint) const {
  if (slots_.empty()) return nullptr;
  for (std::size_t at = SlotOf(fingerprint); slots_[at].index != kNone;) {
    if (slots_[at].fingerprint == fingerprint) return &slots_[at];
    if (++at == slots_.size()) at = 0;
  }
  return nullptr;
}

void LastLook::Index() {
  slots_.assign(artefacts_.size() + artefacts_.size() / 3 + 1, {});
  std::uint32_t index = 0;
  for (const Artefact& artefact : artefacts_) {
    const bool unsettled =
        std::binary_search(unsettled_.begin(), unsettled_.end(), artefact.fingerprint);
    std::size_t at = SlotOf(artefact.fingerprint);
    while (slots_[at].index != kNone) {
      if (++at == slots_.size()) at = 0;
    }
    slots_[at] = {artefact.fingerprint, index++,
                  unsettled ? Standing::kForNow : Standing::kSettled};
  }
}

void NextLook::Keep(const LastLook::Known& known) {
  // A folder that changes while it is read may give a name twice.
  if (std::exchange(kept_[known.index], 1) == 0) ++count_;
}

void NextLook::Keep(const LastLook::Known& known, Inode inode) {
  Keep(known);
  inodes_.push_back(inode);
}

void NextLook::AddFolder(Artefact artefact, Inode inode) {
  Add(std::move(artefact), Standing::kForNow);
  inodes_.push_back(inode);
}

void NextLook::AddFile(Artefact artefact, Standing standing, Inode inode) {
  Add(std::move(artefact), standing);
  inodes_.push_back(inode);
}

void NextLook::AddLink(Artefact artefact, Standing standing, Inode target) {
  std::string name = artefact.name;
  links_.emplace(std::move(name), Link{std::move(artefact), standing, target});
}

void NextLook::Add(Artefact artefact, Standing standing) {
  if (standing == Standing::kForNow) unsettled_.push_back(artefact.fingerprint);
  const LastLook::Known* const known = last_.Find(artefact.fingerprint);
  if (known != nullptr && Get(*known) == artefact) {
    Keep(*known);
  } else {
    fresh_.push_back(std::move(artefact));
  }
}

void NextLook::TakeLinks() {
  if (links_.empty()) return;
  std::set<Inode> targets;
  for (const auto& [name, link] : links_) targets.insert(link.target);
  std::set<Inode> listed;
  std::copy_if(inodes_.begin(), inodes_.end(), std::inserter(listed, listed.end()),
               [&targets](const Inode& inode) { return targets.contains(inode); });
  for (auto& [name, link] : links_) {
    if (listed.insert(link.target).second) Add(std::move(link.artefact), link.standing);
  }
}

std::vector<Artefact> NextLook::Merge() {
  std::vector<Artefact> merged;
  SortByTime(fresh_);
  if (count_ == 0) return std::move(fresh_);
  merged.reserve(count_ + fresh_.size());
  auto next = fresh_.begin();
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i] == 0) continue;
    const Artefact& artefact = last_.artefacts()[i];
    for (; next != fresh_.end() && IsBefore(*next, artefact); ++next) {
      merged.push_back(std::move(*next));
    }
    merged.push_back(artefact);
  }
  merged.insert(merged.end(), std::make_move_iterator(next), std::make_move_iterator(fresh_.end()));
  return merged;
}

void NextLook::Finish() {
  TakeLinks();
  std::sort(unsettled_.begin(), unsettled_.end());
  const bool same = fresh_.empty() && count_ == kept_.size();
  if (same && unsettled_ == last_.unsettled_) return;
  if (!same) last_.artefacts_ = ArtefactList(Merge());
  last_.unsettled_ = std::move(unsettled_);
  last_.Index();
}

}  // namespace drwatch::catalog
