#include "rules/alert_candidates.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace drwatch::rules {
namespace {

// How far to look for an element whose place changed.
constexpr std::size_t kLookAhead = 16;

TemplateInputs InputsOf(const std::vector<RuleText>& texts) {
  TemplateInputs inputs = TemplateInputs::kNothing;
  for (const RuleText& text : texts) {
    if (text.parsed) inputs = std::max(inputs, text.parsed->inputs());
  }
  return inputs;
}

bool SameValue(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace

// Expands the elements of one result.
class AlertCandidates::Expander {
 public:
  Expander(const Rule& rule, const Input& input)
      : rule_(rule),
        environment_(input.environment),
        world_(RuleTemplateWorld::Of(input.external_labels, input.environment.external_url)),
        label_inputs_(InputsOf(rule.labels)),
        annotation_inputs_(InputsOf(rule.annotations)) {}

  // `known` is what was made of an element with the same labels; nullptr: there is none.
  Entry Make(const promql::VectorElement& element, const Entry* known) {
    data_.reset();
    Entry entry{element.labels, {{}, {}, element.value}, false};
    const bool same_value = known != nullptr && SameValue(known->candidate.value, element.value);
    const auto holds = [&](TemplateInputs inputs) {
      if (known == nullptr || known->failed) return false;
      return inputs == TemplateInputs::kNothing ||
             (inputs == TemplateInputs::kElement && same_value);
    };
    if (holds(label_inputs_)) {
      entry.candidate.labels = known->candidate.labels;
    } else {
      model::LabelsBuilder builder(element.labels.Without(model::kMetricName));
      Expand(rule_.labels, element, builder, entry);
      entry.candidate.labels = builder.Set(model::kAlertName, rule_.name).Build();
    }
    if (holds(annotation_inputs_)) {
      entry.candidate.annotations = known->candidate.annotations;
    } else {
      model::LabelsBuilder builder;
      Expand(rule_.annotations, element, builder, entry);
      entry.candidate.annotations = builder.Build();
    }
    return entry;
  }

  std::int64_t failures() const { return failures_; }

 private:
  void Expand(const std::vector<RuleText>& texts, const promql::VectorElement& element,
              model::LabelsBuilder& builder, Entry& entry) {
    for (const RuleText& text : texts) {
      if (!text.parsed) continue;
      if (text.parsed->inputs() == TemplateInputs::kNothing) {
        builder.Set(text.name, text.text);
        continue;
      }
      if (!data_) data_ = RuleTemplateData(element.labels, world_, element.value);
      const auto expanded = text.parsed->Expand(*data_, environment_);
      if (!expanded) {
        ++failures_;
        entry.failed = true;
      }
      builder.Set(text.name, expanded ? *expanded : expanded.error().message);
    }
  }

  const Rule& rule_;
  const tmpl::Environment& environment_;
  const RuleTemplateWorld world_;
  const TemplateInputs label_inputs_;
  const TemplateInputs annotation_inputs_;
  std::optional<tmpl::Value> data_;  // of the element at hand, once a template needs it
  std::int64_t failures_ = 0;
};

// Results keep their order, so an element is where it was, or a little further on after others
// went.
const AlertCandidates::Entry* AlertCandidates::Known(std::size_t& next,
                                                     const model::Labels& element) const {
  const std::size_t end = std::min(entries_.size(), next + kLookAhead);
  for (std::size_t at = next; at < end; ++at) {
    if (entries_[at].element != element) continue;
    next = at + 1;
    return &entries_[at];
  }
  return nullptr;
}

base::Status AlertCandidates::Sort() {
  order_.resize(entries_.size());
  std::iota(order_.begin(), order_.end(), 0U);
  const auto labels = [this](std::uint32_t entry) -> const model::Labels& {
    return entries_[entry].candidate.labels;
  };
  std::sort(order_.begin(), order_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return labels(a) < labels(b); });
  const auto twice =
      std::adjacent_find(order_.begin(), order_.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return labels(a) == labels(b); });
  if (twice == order_.end()) return {};
  entries_.clear();
  order_.clear();
  return base::Fail("vector contains metrics with the same labelset after applying alert labels",
                    "aggregate in the expression, or add the label that tells them apart");
}

base::Status AlertCandidates::Update(const Rule& rule, const promql::Vector& result,
                                     const Input& input, std::int64_t& failures) {
  Expander expander(rule, input);
  std::vector<Entry> entries;
  entries.reserve(result.size());
  std::size_t next = 0;
  bool same_order = result.size() == entries_.size();
  for (const promql::VectorElement& element : result) {
    const Entry* const known = Known(next, element.labels);
    entries.push_back(expander.Make(element, known));
    same_order = same_order && known != nullptr &&
                 known->candidate.labels == entries.back().candidate.labels;
  }
  failures += expander.failures();
  entries_ = std::move(entries);
  return same_order ? base::Status() : Sort();
}

bool AlertCandidates::Contains(const model::Labels& labels) const {
  const auto at = std::lower_bound(order_.begin(), order_.end(), labels,
                                   [this](std::uint32_t entry, const model::Labels& wanted) {
                                     return entries_[entry].candidate.labels < wanted;
                                   });
  return at != order_.end() && entries_[*at].candidate.labels == labels;
}

}  // namespace drwatch::rules
