// Incremental base backups among the paths of `drwatch verify`: each can be restored only with the
// backup that it was made upon.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exporter/verify_paths.h"
#include "verify/backup_origin.h"

namespace drwatch::exporter {

// One thread.
class VerifyChain {
 public:
  // Reads the labels of the base backups that are these paths or lie directly in them.
  explicit VerifyChain(const std::vector<std::string>& paths);

  // Whether it is to be judged once all others were noted.
  bool IsIncremental(const std::string& path) const;
  // What was found of a path, for those made upon what is there.
  void Note(const VerifiedPath& one);
  // Those that wait, each behind its parent.
  void Sort(std::vector<VerifiedPath>& waiting) const;
  // Intact only if the parent is among the paths, and intact.
  VerifiedPath Judge(VerifiedPath one) const;

 private:
  struct Known {
    std::string path;  // which was to be verified
    std::string name;  // of the backup
    verify::BackupOrigin origin;
  };
  void Add(const std::string& path, const std::string& name);
  const Known* ParentOf(const Known& backup) const;
  void JudgeOne(const Known& backup, VerifiedPath& one) const;

  std::vector<Known> backups_;
  std::map<std::string, verify::Verdict> verdicts_;  // by path
};

}  // namespace drwatch::exporter
