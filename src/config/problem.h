// What is wrong with a configuration file, and where. Loading collects every problem instead of
// stopping at the first.
#pragma once

#include <string>
#include <vector>

namespace drwatch::config {

// Lines and columns count from 1; 0 means the whole file.
struct Position {
  std::string file;
  int line = 0;
  int column = 0;
  // "drwatch.yml:12:5"
  std::string ToString() const;
};

struct Problem {
  enum class Kind { kError, kWarning };
  Kind kind = Kind::kError;
  Position position;
  std::string message;
  std::string hint;  // may be empty
  // "drwatch.yml:12:5: unknown key \"intervall\"\n  hint: did you mean \"interval\"?"
  std::string ToString() const;
};

// Collects problems in the order they are found. One thread.
class Problems {
 public:
  void AddError(Position position, std::string message, std::string hint = {});
  void AddWarning(Position position, std::string message, std::string hint = {});
  bool HasErrors() const;
  const std::vector<Problem>& all() const { return all_; }

 private:
  std::vector<Problem> all_;
};

}  // namespace drwatch::config
