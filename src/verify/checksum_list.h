// Checksum files as sha256sum, md5sum, b2sum and their kin write them: lists (SHA256SUMS) and
// sidecars (x.dump.sha256), in GNU and BSD form.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"

namespace drwatch::verify {

struct ChecksumEntry {
  base::DigestAlgorithm algorithm = base::DigestAlgorithm::kSha256;
  std::string digest;  // raw
  std::string name;    // as listed, relative to the list; empty in a sidecar of a bare digest
  // Nothing tells SHA-512 from BLAKE2b, which b2sum writes in the same form and length: `algorithm`
  // is the first of them.
  bool either = false;
};

struct ChecksumList {
  std::vector<ChecksumEntry> entries;
  int bad_lines = 0;  // neither an entry, nor empty, nor a comment
};

// Forms: "<hex>  name", "<hex> *name", "\<hex>  name with \n", "SHA256 (name) = <hex>", a bare
// "<hex>", and all of them ended by NUL. `hint` is what the list's own name says of the algorithm;
// without one, the digest's length tells, as far as it can.
ChecksumList ParseChecksumList(std::string_view text,
                               std::optional<base::DigestAlgorithm> hint = std::nullopt);

// What a file's name says: "x.dump.sha256" is a sidecar of "x.dump", "SHA256SUMS" a list.
struct ChecksumFileName {
  std::string target;  // empty for a list
  std::optional<base::DigestAlgorithm> algorithm;
};
// nullopt: not the name of a checksum file.
std::optional<ChecksumFileName> ParseChecksumFileName(std::string_view name);

// A folder that checksum files lie in, by the name it was given and by the one without links.
class ListFolder {
 public:
  ListFolder() = default;
  explicit ListFolder(std::string path);
  // A listed name relative to the folder. An absolute one that lies elsewhere stays as it is.
  std::string Relative(std::string name) const;

 private:
  std::vector<std::string> prefixes_;
};

// What the checksum files of one folder say about the files in it and below it.
class ChecksumFolder {
 public:
  struct Expected {
    base::DigestAlgorithm algorithm;
    std::string digest;      // raw
    std::string source;      // the checksum file's name
    base::Timestamp listed;  // when that was changed last
    // The entry before this one may be meant instead: one of them has to match.
    bool or_before = false;
  };

  // Says nothing until something is added.
  ChecksumFolder() = default;
  // `names` are the entries of `folder`. Checksum files that cannot be read or are none are left
  // out and named in problems().
  ChecksumFolder(const std::string& folder, const std::vector<std::string>& names);
  // One more checksum file of the folder. `name` is the name of one.
  void Add(const std::string& name, std::string_view text, base::Timestamp listed);
  bool empty() const { return expected_.empty(); }
  // Of a path relative to the folder.
  const std::vector<Expected>& Find(const std::string& relative) const;
  // The listed paths that begin with `prefix`, without it.
  std::vector<std::string> NamesBelow(const std::string& prefix) const;
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void Read(const std::string& name);

  std::string path_;  // of the folder; empty if it lies elsewhere
  ListFolder folder_;
  std::map<std::string, std::vector<Expected>> expected_;
  std::vector<std::string> problems_;
};

}  // namespace drwatch::verify
