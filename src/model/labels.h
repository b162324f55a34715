// A label set: sorted, immutable, cheap to copy, compare and hash.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drwatch::model {

inline constexpr std::string_view kMetricName = "__name__";
inline constexpr std::string_view kAlertName = "alertname";

// One label, as views into the label set it came from.
struct LabelView {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const LabelView&, const LabelView&) = default;
};

// Sorted by name, names unique, values non-empty (a label with an empty value is the same as no
// label, so it is left out). All bytes sit in one reference-counted block: a copy is a pointer,
// sizeof is 8. Any thread may read and copy.
class Labels {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = LabelView;
    using difference_type = std::ptrdiff_t;
    using pointer = const LabelView*;
    using reference = LabelView;
    Iterator() = default;
    LabelView operator*() const;
    Iterator& operator++();
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(Iterator a, Iterator b) { return a.at_ == b.at_; }

   private:
    friend class Labels;
    explicit Iterator(const char* at) : at_(at) {}
    const char* at_ = nullptr;
  };

  Labels() = default;
  // In any order; of two with one name the later wins.
  Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs);
  explicit Labels(std::vector<std::pair<std::string, std::string>> pairs);
  // The same from views, for readers that build many.
  static Labels FromViews(std::vector<std::pair<std::string_view, std::string_view>> pairs);
  // Of labels that are sorted by name, unique and not empty already: nothing is checked. The quick
  // way to take a part of another set.
  static Labels FromSorted(const std::vector<LabelView>& labels);
  Labels(const Labels& other) noexcept;
  Labels(Labels&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Labels& operator=(Labels other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Labels();

  Iterator begin() const;
  Iterator end() const;
  std::size_t size() const;
  bool empty() const { return block_ == nullptr; }
  // The value, or "" if there is no such label.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const { return !Get(name).empty(); }
  // The value of __name__, or "".
  std::string_view MetricName() const { return Get(kMetricName); }
  // The same set always gives the same value in one process; not stable between versions
  // (Fingerprint is).
  std::uint64_t Hash() const;
  // FNV-1a over name\xffvalue\xff..., as Alertmanager computes fingerprints.
  std::uint64_t Fingerprint() const;
  // A copy without one label, or with one set (an empty value removes it).
  Labels Without(std::string_view name) const;
  Labels With(std::string_view name, std::string_view value) const;
  // {a="b", c="d"}; the metric name, if it is a plain one, stands before the braces: up{job="x"}.
  std::string ToString() const;

  friend bool operator==(const Labels& a, const Labels& b);
  // By label names and values in order, as Prometheus sorts series.
  friend bool operator<(const Labels& a, const Labels& b);

 private:
  friend class LabelsBuilder;
  struct Block;
  explicit Labels(Block* block) : block_(block) {}
  Block* block_ = nullptr;  // nullptr is the empty set
};

struct LabelsHash {
  std::size_t operator()(const Labels& labels) const { return labels.Hash(); }
};

// Collects changes to a label set, then builds it. One thread.
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(const Labels& base);
  // Later calls win; an empty value removes the label.
  LabelsBuilder& Set(std::string_view name, std::string_view value);
  LabelsBuilder& Remove(std::string_view name) { return Set(name, {}); }
  // The value as it stands, or "".
  std::string_view Get(std::string_view name) const;
  Labels Build() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;  // sorted by name
};

// [a-zA-Z_][a-zA-Z0-9_]* (and ':' for metric names).
bool IsValidLabelName(std::string_view name);
bool IsValidMetricName(std::string_view name);

// A label value in double quotes with \\ \" \n escaped, as the text format and PromQL write it.
std::string QuoteLabelValue(std::string_view value);

}  // namespace drwatch::model
