// Writes YAML in block style: what DescribeConfig needs. Internal to this folder.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace drwatch::config {

// Each BeginMap() and BeginItem() needs its End(). One thread.
class YamlWriter {
 public:
  void BeginMap(std::string_view key);
  // A list of maps: the items follow, each between BeginItem() and End().
  void List(std::string_view key);
  void BeginItem();
  void End();

  void Text(std::string_view key, std::string_view value);
  // As Text, but nothing at all for an empty value.
  void TextUnlessEmpty(std::string_view key, std::string_view value);
  void Number(std::string_view key, double value);
  void Numbers(std::string_view key, const std::vector<int>& values);
  void Flag(std::string_view key, bool value);
  void Time(std::string_view key, base::Duration value);
  void Texts(std::string_view key, const std::vector<std::string>& values);
  void TextMap(std::string_view key,
               const std::vector<std::pair<std::string, std::string>>& values);

  std::string Take() { return std::move(out_); }

 private:
  void Key(std::string_view key);

  std::string out_;
  int depth_ = 0;
  bool after_dash_ = false;
};

}  // namespace drwatch::config
