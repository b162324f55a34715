// `drwatch check rules` and `drwatch test rules`, as promtool has them: what they print and how
// they end. Nothing here writes anywhere.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace drwatch::rules {

struct ToolOutput {
  enum class Stream { kOut, kErr };
  struct Chunk {
    Stream stream = Stream::kOut;
    std::string text;
  };
  std::vector<Chunk> chunks;  // in order
  int status = 0;             // the exit status

  void Out(std::string text) { chunks.push_back({Stream::kOut, std::move(text)}); }
  void Err(std::string text) { chunks.push_back({Stream::kErr, std::move(text)}); }
};

enum class UnknownFields { kError, kIgnore };

struct CheckRulesOptions {
  enum class Lint { kNone, kWarn, kFatal };
  Lint lint = Lint::kWarn;  // of duplicate rules; kFatal: they end with status 3
  UnknownFields unknown_fields = UnknownFields::kError;
};
// Status 1 if a file has an error.
ToolOutput CheckRules(const std::vector<std::string>& files, const CheckRulesOptions& options = {});
// The same for what came from standard input.
ToolOutput CheckStandardInput(const base::Result<std::string>& text,
                              const CheckRulesOptions& options = {});

struct UnitTestOptions {
  std::vector<std::string> run;  // only tests whose name matches one of these (RE2); none: all
  enum class Differences { kWhole, kByLine };
  Differences differences = Differences::kWhole;
  UnknownFields unknown_fields = UnknownFields::kError;  // in rule files
};
struct UnitTestOutput {
  ToolOutput output;
  std::string junit;  // the same as a JUnit XML document
};
// Status 1 if a test failed or a file could not be used.
UnitTestOutput RunUnitTests(const std::vector<std::string>& files,
                            const UnitTestOptions& options = {});

}  // namespace drwatch::rules
