// The text of a label or an annotation of an alerting rule.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/result.h"
#include "model/labels.h"
#include "template/template.h"

namespace drwatch::rules {

// What `.` holds besides the element of the result: the same for all of an evaluation.
struct RuleTemplateWorld {
  tmpl::Value external_labels;
  tmpl::Value external_url;
  static RuleTemplateWorld Of(const model::Labels& external_labels,
                              const std::string& external_url);
};

// What `.` is in a rule's template. `labels` are those of the query's result, __name__ included,
// before the rule changes them.
tmpl::Value RuleTemplateData(const model::Labels& labels, const RuleTemplateWorld& world,
                             double value);

// What a text can depend on, each including those before it: nothing, the element of the result,
// the time and other samples.
enum class TemplateInputs { kNothing, kElement, kTime };

// Immutable; copies share the tree.
class RuleTemplate {
 public:
  static tl::expected<RuleTemplate, tmpl::ParseError> Parse(const std::string& alert,
                                                            std::string_view text);
  // Errors: the template failed; the message is what takes the place of the text.
  base::Result<std::string> Expand(const tmpl::Value& data,
                                   const tmpl::Environment& environment) const;
  // While they stay the same, so does the text; kNothing: it is the text as written.
  TemplateInputs inputs() const { return inputs_; }

 private:
  RuleTemplate(tmpl::Template tree, std::string name, TemplateInputs inputs)
      : template_(std::move(tree)), name_(std::move(name)), inputs_(inputs) {}
  tmpl::Template template_;
  std::string name_;
  TemplateInputs inputs_;
};

}  // namespace drwatch::rules
