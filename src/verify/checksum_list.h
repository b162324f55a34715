// Checksum files as sha256sum, md5sum, b2sum and their kin write them: lists (SHA256SUMS) and
// sidecars (x.dump.sha256), in GNU and BSD form.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "verify/text_blocks.h"

namespace drwatch::verify {

struct ChecksumEntry {
  base::DigestAlgorithm algorithm = base::DigestAlgorithm::kSha256;
  std::string digest;  // raw; a shorter one of kBlake2b512 is BLAKE2b of that length
  std::string name;    // as listed, relative to the list; empty in a sidecar of a bare digest
  // Only its length tells `algorithm`: it may be another one's (look_alikes.h).
  bool guessed = false;
};

struct ChecksumList {
  std::vector<ChecksumEntry> entries;
  int bad_lines = 0;  // neither an entry, nor empty, nor a comment
};

// Forms: "<hex>  name", "<hex> *name", "<hex><tab>name", "\<hex>  name with \n",
// "SHA256 (name) = <hex>", a bare "<hex>", all of them also indented, and ended by NUL. `hint` is
// what the list's own name says of the algorithm; without one, the digest's length tells, as far as
// it can.
ChecksumList ParseChecksumList(std::string_view text,
                               std::optional<base::DigestAlgorithm> hint = std::nullopt);

// What a file's name says: "x.dump.sha256" is a sidecar of "x.dump", "SHA256SUMS" a list; both with
// ".txt", too.
struct ChecksumFileName {
  std::string target;  // empty for a list
  std::optional<base::DigestAlgorithm> algorithm;
};
// nullopt: not the name of a checksum file.
std::optional<ChecksumFileName> ParseChecksumFileName(std::string_view name);

// A folder that checksum files lie in.
class ListFolder {
 public:
  // Whether there is a file of that name, relative to the folder.
  using Has = std::function<bool(const std::string& name)>;

  // Nothing is known of it.
  ListFolder() = default;
  // Of this machine, by the name it was given and by the one without links.
  explicit ListFolder(std::string path);
  // One that lies elsewhere.
  explicit ListFolder(Has has) : has_(std::move(has)) {}
  // A listed name relative to the folder. An absolute one that lies elsewhere stays as it is.
  // Empty: the line is about no file as it is ("shasum -U" and "-0" read it as something else).
  std::string Relative(std::string name) const;
  // The one file that a sidecar of `target` is about whose only line names `listed`: its own, by
  // whatever name it was listed elsewhere, or "shop.dump" of a "shop.sha256".
  std::string TargetOf(const std::string& target, const std::string& listed) const;

 private:
  std::vector<std::string> prefixes_;
  Has has_;
};

class ListedFiles;  // checksum_reader.h

// What the checksum files of one folder say about the files in it and below it. Lists may be long:
// a line takes 16 bytes, its digest and its name.
class ChecksumFolder {
 public:
  struct Expected {
    base::DigestAlgorithm algorithm;
    std::string digest;      // raw; as in ChecksumEntry
    std::string source;      // the checksum file's name
    base::Timestamp listed;  // when that was changed last
    bool guessed = false;    // as in ChecksumEntry
  };

  // Says nothing until something is added.
  ChecksumFolder() = default;
  // `names` are the entries of `folder`. Checksum files that cannot be read or are none are left
  // out and named in problems().
  ChecksumFolder(const std::string& folder, const std::vector<std::string>& names);
  ChecksumFolder(const ChecksumFolder&) = delete;
  ChecksumFolder& operator=(const ChecksumFolder&) = delete;
  // One more checksum file of the folder. `name` is the name of one.
  void Add(const std::string& name, std::string_view text, base::Timestamp listed,
           const ListFolder& folder = {});
  // Once all were added: what was added since the last time is found faster.
  void Sort();
  bool empty() const { return rows_.empty(); }
  // Of a path relative to the folder, in the order in which they were added.
  std::vector<Expected> Find(const std::string& relative) const;
  // The listed paths that begin with `prefix`, without it, in their order, each once.
  std::vector<std::string> NamesBelow(const std::string& prefix) const;
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Row {
    std::string_view name() const { return {text, name_bytes}; }
    std::string_view digest() const { return {text + name_bytes, digest_bytes}; }

    const char* text = nullptr;  // the name and behind it the digest: of texts_
    std::uint32_t source = 0;    // index in sources_
    std::uint16_t name_bytes = 0;
    std::uint8_t digest_bytes = 0;
    std::uint8_t algorithm : 7 = 0;
    std::uint8_t guessed : 1 = 0;
  };
  struct SourceFile {
    std::string name;
    base::Timestamp listed;
  };
  using Feed = std::function<base::Status(ListedFiles& files)>;

  void Read(const std::string& path, const std::string& name, const ListFolder& folder);
  void AddFile(const std::string& name, base::Timestamp listed, const ListFolder& folder,
               const Feed& feed);
  Expected Tell(const Row& row) const;

  TextBlocks texts_;
  std::vector<SourceFile> sources_;
  std::vector<Row> rows_;
  std::size_t sorted_ = 0;  // so many of them are in the order of names
  std::vector<std::string> problems_;
};

}  // namespace drwatch::verify
