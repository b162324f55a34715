// The text of a label or an annotation of an alerting rule.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/result.h"
#include "model/labels.h"
#include "template/template.h"

namespace drwatch::rules {

// What `.` is in a rule's template. `labels` are those of the query's result, __name__ included,
// before the rule changes them.
tmpl::Value RuleTemplateData(const model::Labels& labels, const model::Labels& external_labels,
                             const std::string& external_url, double value);

// Immutable; copies share the tree.
class RuleTemplate {
 public:
  static tl::expected<RuleTemplate, tmpl::ParseError> Parse(const std::string& alert,
                                                            std::string_view text);
  // Errors: the template failed; the message is what takes the place of the text.
  base::Result<std::string> Expand(const tmpl::Value& data,
                                   const tmpl::Environment& environment) const;

 private:
  RuleTemplate(tmpl::Template tree, std::string name)
      : template_(std::move(tree)), name_(std::move(name)) {}
  tmpl::Template template_;
  std::string name_;
};

}  // namespace drwatch::rules
