// Go's text/template, as Prometheus' rules and Alertmanager's notifications use it.
//
//   auto parsed = Template::Parse("__alert_Down", text, PrometheusFunctions(), kRulePrefix);
//   auto expanded = parsed->Execute(data, environment);
//
// A Template is an immutable value; any thread may execute it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/result.h"
#include "template/functions.h"
#include "template/value.h"

namespace drwatch::tmpl {

// Limits of one expansion; beyond them it fails.
inline constexpr int kMaxTemplateDepth = 100;            // {{template}} within {{template}}
inline constexpr std::size_t kMaxOutputBytes = 1 << 20;  // also of every text in between
inline constexpr int kMaxSteps = 500'000;                // nodes evaluated

struct ParseError {
  int line = 0;  // of the text, without the prefix; both count from 1
  int column = 0;
  std::string message;
  std::string ToString() const;  // "3:14: unclosed action"
};

struct Tree;

// Where `offset` of `text` is.
ParseError LocateError(std::string_view text, int offset, std::string message);

class Template {
 public:
  // `name` appears in messages. `functions` must outlive the template. `prefix` is put in front of
  // the text (variable declarations); positions in Execute's messages count it, as Prometheus does.
  static tl::expected<Template, ParseError> Parse(std::string name, std::string_view text,
                                                  const FunctionTable& functions,
                                                  std::string_view prefix = {});

  enum class MissingKey { kZero, kError };  // what a field of no value yields
  // Errors: everything that goes wrong on the way, as Go words it: template: NAME:1:133: executing
  // "NAME" at <first>: ...
  base::Result<std::string> Execute(const Value& data, const Environment& environment,
                                    MissingKey missing_key = MissingKey::kZero) const;

 private:
  Template(std::string name, const FunctionTable& functions, std::shared_ptr<const Tree> tree)
      : name_(std::move(name)), functions_(&functions), tree_(std::move(tree)) {}
  std::string name_;
  const FunctionTable* functions_;
  std::shared_ptr<const Tree> tree_;
};

}  // namespace drwatch::tmpl
