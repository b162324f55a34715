// A configuration with everything that belongs to it, checked whole before anything of it is used.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/problem.h"
#include "rules/rule_file.h"

namespace drwatch::exporter {

struct Loaded {
  std::shared_ptr<const config::Config> config;
  std::vector<rules::RuleGroup> groups;  // built-in ones first
};

// Reads the configuration and every rule file. All problems of all files are collected; nullopt if
// any is an error.
std::optional<Loaded> LoadAll(const std::string& config_file, config::Problems& problems);

// Where the state of a service with this configuration lies; `storage_path` overrides its folder
// where not empty.
std::string StateFile(const std::string& storage_path, const config::Config& config);

// All problems, one a line with its hint, warnings marked.
std::string FormatProblems(const config::Problems& problems);

}  // namespace drwatch::exporter
