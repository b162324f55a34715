// The manifests of a stanza's backups: each as the program wrote it, or its copy where it is
// damaged. Used within this folder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catalog/place.h"
#include "verify/pgbackrest_manifest.h"

namespace drwatch::catalog {

// A manifest that is read file by file.
class ManifestStream {
 public:
  // `budget` outlives the stream.
  static verify::Walked<std::unique_ptr<ManifestStream>> Open(Place& place,
                                                              const std::string& object,
                                                              verify::ReadBudget& budget);
  verify::PgBackRestManifestReader& files() { return files_; }

 private:
  explicit ManifestStream(std::unique_ptr<verify::Source> source)
      : source_(std::move(source)), reader_(*source_), files_(reader_) {}

  const std::unique_ptr<verify::Source> source_;
  verify::Reader reader_;
  verify::PgBackRestManifestReader files_;
};

// One thread.
class PgBackRestTexts {
 public:
  // Gets each file of a manifest and may move it away.
  using TakeFile = std::function<void(verify::PgBackRestFile& file)>;
  // Called before a text is read: what was taken of one before counts for nothing.
  using Begin = std::function<TakeFile()>;
  struct Text {
    verify::PgBackRestManifest manifest;
    std::string object;  // that it was read from
  };

  // `stanza` is the folder of the stanza's backups, "backup/main/". The references outlive this.
  PgBackRestTexts(Place& place, const std::string& stanza, verify::ReadBudget& budget)
      : place_(place), stanza_(stanza), budget_(budget) {}

  // Of the backup of that label. `details`, unless it is nullptr, is told what is wrong with one of
  // the two texts.
  verify::Walked<Text> Read(const std::string& label, const Begin& begin,
                            std::vector<std::string>* details);

 private:
  verify::Walked<Text> ReadOne(const std::string& object, const TakeFile& take, std::string& sha1);
  void CompareCopy(const std::string& object, const std::string& sha1,
                   std::vector<std::string>& details);

  Place& place_;
  const std::string& stanza_;
  verify::ReadBudget& budget_;
};

}  // namespace drwatch::catalog
