// A page of metrics that is asked for again and again: the lines of each part (a probe's result)
// are written once, when the part arrives, and copied into every page until it changes.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/exposition.h"
#include "model/metric_family.h"

namespace drwatch::model {

// Thread-safe. Holds the text of all parts, once.
class MetricsPage {
 public:
  // Takes `families` in place of what the part had.
  void Update(const std::string& part, const std::vector<MetricFamily>& families);
  void Remove(const std::string& part);

  // Families by name, those of `more` among them; the points of a family part by part, sorted by
  // labels within each, those of `more` last. Of parts that disagree about a family's type or help
  // the first that had it is right.
  std::string Write(const std::vector<MetricFamily>& more, TextFormat format) const;

 private:
  using FamilyId = std::uint32_t;
  // The lines of one family in the text of a part.
  struct Block {
    FamilyId family = 0;
    std::uint32_t bytes = 0;
  };
  struct Part {
    std::string lines;
    std::vector<Block> blocks;
    std::vector<MetricFamily> timed;  // points with a time look different in each format
  };

  FamilyId IdOf(const MetricFamily& family);

  mutable std::mutex mutex_;
  std::map<std::string, Part, std::less<>> parts_;
  std::deque<MetricFamily> families_;  // by id, without points; those of former parts remain
  std::unordered_map<std::string_view, FamilyId> ids_;
};

}  // namespace drwatch::model
