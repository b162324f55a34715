// The pieces that pages are written from. Internal to model.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/exposition.h"
#include "model/metric_family.h"

namespace drwatch::model {

// Bytes behind a cursor, grown by doubling: appending costs a bounds check a line, not a call a
// piece.
class Output {
 public:
  explicit Output(std::size_t expected) { buffer_.resize(expected); }
  // Room for `bytes` more, to be asked for before the appends below.
  void Reserve(std::size_t bytes) {
    if (buffer_.size() - at_ < bytes) buffer_.resize(2 * buffer_.size() + bytes);
  }
  void Put(char c) { buffer_[at_++] = c; }
  void Put(std::string_view text) {
    std::memcpy(buffer_.data() + at_, text.data(), text.size());
    at_ += text.size();
  }
  void PutInt(std::int64_t value) {
    char* const begin = buffer_.data() + at_;
    at_ += static_cast<std::size_t>(std::to_chars(begin, begin + 24, value).ptr - begin);
  }
  void PutDouble(double value) {
    char* const begin = buffer_.data() + at_;
    at_ += static_cast<std::size_t>(std::to_chars(begin, begin + kNumberBytes, value).ptr - begin);
  }
  void PutAll(std::string_view text) {
    Reserve(text.size());
    Put(text);
  }
  std::size_t size() const { return at_; }
  std::string_view view() const { return {buffer_.data(), at_}; }
  std::string Take() {
    buffer_.resize(at_);
    return std::move(buffer_);
  }
  static constexpr std::size_t kNumberBytes = 40;

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

// What a page in OpenMetrics ends with.
inline constexpr std::string_view kOpenMetricsEnd = "# EOF\n";

// Writes lines: name, labels, value, time. Lines in a row often have the same labels, whose text is
// then copied.
class LineWriter {
 public:
  LineWriter(Output& out, TextFormat format) : out_(&out), format_(format) {}
  // Before the lines of each family; its name must outlive them.
  void Start(std::string_view family);
  // `point` must outlive the next call.
  void Write(const MetricPoint& point);

 private:
  void WriteLabels(const MetricPoint& point);

  Output* out_;
  TextFormat format_;
  std::string_view family_;
  bool plain_name_ = false;         // else the name stands in the braces
  const Labels* labels_ = nullptr;  // of the last line that had a plain name
  std::size_t labels_begin_ = 0;    // their text in the output
  std::size_t labels_bytes_ = 0;
};

// One family of a page: all those given with its name. The first says type and help.
class FamilyGroup {
 public:
  explicit FamilyGroup(const MetricFamily& first) : first_(&first) {}
  FamilyGroup(const FamilyGroup&) = delete;
  FamilyGroup& operator=(const FamilyGroup&) = delete;

  const MetricFamily& first() const { return *first_; }
  void Add(const MetricFamily& family);
  // All lines, sorted by labels.
  void WriteLines(LineWriter& lines);

 private:
  struct Point {
    const Labels* key = nullptr;  // of the point, or one of keys_
    const MetricPoint* point = nullptr;
  };

  const MetricFamily* first_;
  std::vector<Point> points_;
  std::deque<Labels> keys_;  // labels without the bound, of histograms and summaries
};
// By name; what they were made of must outlive them.
std::deque<FamilyGroup> GroupByName(std::span<const MetricFamily* const> families);

// The comments before the lines of each family of one page.
class MetadataWriter {
 public:
  // `names` are those of all families of the page.
  MetadataWriter(TextFormat format, std::unordered_set<std::string_view> names)
      : format_(format), names_(std::move(names)) {}
  void Write(Output& out, const MetricFamily& family);

 private:
  std::pair<std::string_view, std::string_view> OpenMetricsName(const MetricFamily& family);

  TextFormat format_;
  std::unordered_set<std::string_view> names_;
};

}  // namespace drwatch::model
