// What the body of a health endpoint must say. Pure: the same body always gives the same outcome.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace drwatch::probes {

struct ConditionOutcome {
  std::string name;  // the condition as text: "checks.database == true"
  bool holds = false;
  std::string message;  // what was found: "checks.database is false, expected true"
};

// The conditions of an http probe, compiled once. Immutable; any thread.
//
// JSON is read strictly (RFC 8259). A field that is missing, of another type than the operand or no
// number where an order is asked for makes its condition false, never true. Regular expressions are
// RE2's and match anywhere in the text.
class BodyConditions {
 public:
  explicit BodyConditions(const config::HttpProbe::Expect& expect);
  ~BodyConditions();
  BodyConditions(const BodyConditions&) = delete;
  BodyConditions& operator=(const BodyConditions&) = delete;

  // What is wrong with the conditions themselves; empty if nothing is.
  const std::string& problem() const { return problem_; }
  bool empty() const;
  // One outcome a condition, in the order of the configuration: JSON, matches, does not match.
  std::vector<ConditionOutcome> Check(std::string_view body) const;

 private:
  struct Json;
  struct Pattern;
  std::vector<Json> json_;
  std::vector<Pattern> patterns_;
  std::string problem_;
};

}  // namespace drwatch::probes
