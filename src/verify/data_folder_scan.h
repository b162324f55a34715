// Data folders of PostgreSQL servers in a tar file (`tar -cz /var/lib/postgresql/15/main`) or a zip
// archive, whose files no backup_manifest speaks for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "verify/control_file.h"
#include "verify/source.h"
#include "verify/tar.h"

namespace drwatch::verify {

// Passes a source on and keeps its start.
class StartKeeper final : public Source {
 public:
  StartKeeper(Source& source, std::size_t bytes) : source_(source), bytes_(bytes) {}
  Walked<std::string_view> Next() override {
    auto bytes = source_.Next();
    if (bytes) start_ += bytes->substr(0, bytes_ - start_.size());
    return bytes;
  }
  const std::string& start() const { return start_; }

 private:
  Source& source_;
  const std::size_t bytes_;
  std::string start_;
};

// Watches the members of any archive go by, and keeps what tells of such folders: where they are,
// and what their control files say.
class DataFolderScan {
 public:
  // A member, before its content; of other archives than tar with its name and type alone.
  void Note(const TarMember& member);
  // Whether the content of the member noted last is wanted: kControlBytes of it, at the most.
  bool WantsContent() const { return control_ != nullptr; }
  void Keep(std::string_view start);

  // Once all members went by: what is known of those folders, and Walk::doubt if a server may
  // not start in one of them. Fault: one whose control file is damaged.
  Walked<void> Finish(Walk& walk) const;

 private:
  // Keeps memory small where an archive holds very many.
  static constexpr std::size_t kMaxFolders = 1000;
  struct Folder {
    bool server = false;  // it holds what only a data folder does
    bool label = false;   // backup_label
    bool wal = false;     // a segment
    bool control = false;
    std::optional<Walked<ControlFile>> content;  // of global/pg_control
  };

  Folder* At(const std::string& root);
  static void Judge(const Folder& folder, const std::string& root, Walk& walk);

  std::map<std::string, Folder> folders_;  // by their place, "" or with '/' at its end
  Folder* control_ = nullptr;              // whose control file the member is
};

}  // namespace drwatch::verify
