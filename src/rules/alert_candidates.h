// What an alerting rule's templates make of the elements of a query result.
//
// Most evaluations see the elements of the last one again, so what was made of them is kept and
// only what can have changed is expanded anew.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "promql/value.h"
#include "rules/rule.h"
#include "template/functions.h"

namespace drwatch::rules {

// An alert as one element of the result asks for it.
struct AlertCandidate {
  model::Labels labels;  // with alertname: the alert's identity
  model::Labels annotations;
  double value = 0;
};

// One rule's, for one definition of it; one thread.
class AlertCandidates {
 public:
  struct Input {
    const model::Labels& external_labels;
    const tmpl::Environment& environment;
  };

  // Makes them of `result`. Failed templates count into `failures`: they show their error in their
  // place, because the alert matters more than its text. Errors: two elements with one identity.
  base::Status Update(const Rule& rule, const promql::Vector& result, const Input& input,
                      std::int64_t& failures);
  // Those of the last Update that succeeded, sorted by labels.
  std::size_t size() const { return order_.size(); }
  const AlertCandidate& operator[](std::size_t i) const { return entries_[order_[i]].candidate; }
  bool Contains(const model::Labels& labels) const;

 private:
  struct Entry {
    model::Labels element;
    AlertCandidate candidate;
    bool failed = false;  // a template did
  };
  class Expander;

  const Entry* Known(std::size_t& next, const model::Labels& element) const;
  base::Status Sort();

  std::vector<Entry> entries_;        // in the order of the result
  std::vector<std::uint32_t> order_;  // entries by labels
};

}  // namespace drwatch::rules
