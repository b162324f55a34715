// Which files of one artefact were read to their end and found whole, so that they need not be read
// again as soon as others were added.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "verify/file_tree.h"

namespace drwatch::verify {

struct VerifyOptions;

// Thread-safe.
class KnownFiles {
 public:
  KnownFiles() = default;
  KnownFiles(const KnownFiles&) = delete;
  KnownFiles& operator=(const KnownFiles&) = delete;
  virtual ~KnownFiles() = default;
  // `key` stands for a file, its state and what was proven of it. True if it was put no longer than
  // `reuse` ago.
  virtual bool Holds(std::uint64_t key, base::Duration reuse) const = 0;
  virtual void Put(std::uint64_t key) = 0;
};

// Whether what `proven` stands for was found of the file, as it was when it was listed, not longer
// ago than `options` say.
bool IsKnown(const VerifyOptions& options, const TreeFile& file, char proven);
void MakeKnown(const VerifyOptions& options, const TreeFile& file, char proven);

}  // namespace drwatch::verify
