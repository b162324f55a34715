// The artefacts of the last look at a folder, and how the list of the next one is made of them:
// those that are as they were are kept without being judged again. Used within this folder.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "catalog/artefact.h"

namespace drwatch::catalog {

using Inode = std::pair<dev_t, ino_t>;

// Whether the same artefact may be judged otherwise at a later time.
enum class Standing {
  kSettled,
  kForNow,  // it is a folder, or its time was not believed as it stands
};

class LastLook {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Known {
    std::uint64_t fingerprint = 0;
    std::uint32_t index = kNone;  // in artefacts()
    Standing standing = Standing::kForNow;
  };

  const ArtefactList& artefacts() const { return artefacts_; }
  // The artefact with that fingerprint, which counts its name; nullptr: there is none. Any thread.
  const Known* Find(std::uint64_t fingerprint) const;

 private:
  friend class NextLook;
  std::size_t SlotOf(std::uint64_t fingerprint) const;
  void Index();

  ArtefactList artefacts_;                // oldest first, fewer than kNone
  std::vector<std::uint64_t> unsettled_;  // fingerprints of those that stand for now, sorted
  std::vector<Known> slots_;              // a hash table with open addresses, a quarter is free
};

// Made for one look; what it found counts once Finish() was called. One thread.
class NextLook {
 public:
  // `last` outlives this.
  explicit NextLook(LastLook& last) : last_(last), kept_(last.artefacts().size(), 0) {}

  // So many may follow: a first look takes them all anew.
  void Expect(std::size_t artefacts) {
    if (kept_.empty() && fresh_.empty()) fresh_.reserve(artefacts);
  }
  const Artefact& Get(const LastLook::Known& known) const { return last_.artefacts()[known.index]; }
  // A file is as it was.
  void Keep(const LastLook::Known& known, Inode inode);
  // What was judged anew: a folder, a file, a link to one of these. A link counts where neither
  // that nor another link to it does: "latest.dump" beside the dump it points to is no second
  // backup.
  void AddFolder(Artefact artefact, Inode inode);
  void AddFile(Artefact artefact, Standing standing, Inode inode);
  void AddLink(Artefact artefact, Standing standing, Inode target);
  // Makes it the last look. The list is the same one as before if nothing changed.
  void Finish();

 private:
  struct Link {
    Artefact artefact;
    Standing standing = Standing::kForNow;
    Inode target;
  };
  void Keep(const LastLook::Known& known);
  void Add(Artefact artefact, Standing standing);
  void TakeLinks();
  std::vector<Artefact> Merge();

  LastLook& last_;
  std::vector<char> kept_;  // of the artefacts of last_
  std::size_t count_ = 0;   // of those kept
  std::vector<Artefact> fresh_;
  std::vector<std::uint64_t> unsettled_;  // as LastLook's
  std::vector<Inode> inodes_;             // of files and folders
  std::map<std::string, Link> links_;     // by name
};

}  // namespace drwatch::catalog
