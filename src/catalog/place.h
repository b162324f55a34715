// Somewhere backups are kept, as a flat list of named objects: a folder, or a bucket and a prefix.
// Repositories of backup programs (pgBackRest, WAL-G, Barman) and WAL archives are read through it,
// so that they work wherever they lie.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/clock.h"
#include "base/stop.h"
#include "catalog/artefact.h"
#include "verify/file_source.h"
#include "verify/source.h"

namespace drwatch::catalog {

// One object. Folders have none of their own: they are what names have in common before a '/'.
struct PlaceObject {
  std::string name;  // relative to the place, with '/' between its parts
  std::int64_t size_bytes = 0;
  base::Timestamp modified{};
  // Changes when the object does: inode and times of a file, the ETag of an S3 object.
  std::uint64_t fingerprint = 0;
};

struct ListOptions {
  std::string prefix;       // whole or part of a name: "archive/main/15-1/"
  std::string start_after;  // only names behind this one, in the order of bytes; "" = all
  // Only names without another '/' behind the prefix, and the common prefixes of the others.
  bool one_level = false;
  std::int64_t max_objects = 5'000'000;  // more is a Finding with kLimit
  // Unless nullptr: is told the names of symbolic links in a folder that lead nowhere.
  std::vector<std::string>* dead_links = nullptr;
};

struct PlaceListing {
  std::vector<PlaceObject> objects;  // in the order of the names' bytes
  std::vector<std::string> folders;  // with `one_level`: prefixes that end with '/', sorted
};

// What a call may use.
struct PlaceContext {
  base::Deadline deadline;
  base::StopToken stop;
};

// Thread-safe.
class ObjectLook {
 public:
  virtual ~ObjectLook() = default;
  // What Place::List() finds of one object; kNotFound: it finds none.
  virtual tl::expected<PlaceObject, Finding> Look(const std::string& name) const = 0;
};

// Thread-safe. Errors are Findings: kNotFound (nothing of that name), kPermission (also S3's 403:
// it may be there), kTimeout, kLimit, kStorage and what the network adds; messages never hold
// secrets.
class Place {
 public:
  virtual ~Place() = default;
  // For messages: "/backup/wal", "s3://bucket/prefix".
  virtual std::string Describe() const = 0;
  virtual tl::expected<PlaceListing, Finding> List(const ListOptions& options,
                                                   const PlaceContext& context) = 0;
  // Hands over what List() finds, one object after the other, for whoever only adds them up: a
  // folder keeps none of them. After an error what was handed over is not all. Not for one_level.
  using TakeObject = std::function<void(const PlaceObject& object)>;
  virtual tl::expected<void, Finding> Each(const ListOptions& options, const PlaceContext& context,
                                           const TakeObject& take);
  // To look at objects one by one, where that costs little more than listing them; else nullptr.
  virtual const ObjectLook* look() const { return nullptr; }
  // The whole object, at most `max_bytes` (else kLimit).
  virtual tl::expected<std::string, Finding> Read(const std::string& name, std::int64_t max_bytes,
                                                  const PlaceContext& context) = 0;
  // The first `size` bytes, or all if there are fewer.
  virtual tl::expected<std::string, Finding> ReadHead(const std::string& name, std::int64_t size,
                                                      const PlaceContext& context) = 0;
  // A stream of it for verification. `budget` and `tee` (may be nullptr) outlive the source.
  virtual verify::Walked<std::unique_ptr<verify::Source>> Open(const std::string& name,
                                                               verify::ReadBudget& budget,
                                                               verify::DigestTee* tee) = 0;
};

// The files below a folder. A folder that cannot be entered is an error. Links are followed, as
// whoever restores follows them: to files wherever these are, to folders outside of the place. A
// folder in the place, or one that the place lies in, is not listed by a link's name, nor is what
// the links of a pg_tblspc lead to. A prefix that is a link which leads nowhere is kNotFound.
// `path` is absolute and may itself be a link. Files that vanish meanwhile are left out.
std::unique_ptr<Place> MakeFolderPlace(const std::string& path);

}  // namespace drwatch::catalog
