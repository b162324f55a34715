#include "model/labels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <new>

namespace drwatch::model {

// Laid out as: this header, then for each label u32 name length, u32 value length, name, value.
struct Labels::Block {
  std::atomic<std::uint32_t> references{1};
  std::uint32_t count = 0;
  std::uint32_t bytes = 0;
  std::uint64_t hash = 0;

  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  std::string_view view() const { return {data(), bytes}; }

  template <typename Pairs>
  static Block* Make(const Pairs& sorted);
  static void Release(Block* block) {
    if (block != nullptr && block->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      block->~Block();
      ::operator delete(block);
    }
  }
};

namespace {

struct EntryHead {
  std::uint32_t name_bytes;
  std::uint32_t value_bytes;
};

EntryHead ReadHead(const char* at) {
  EntryHead head;
  std::memcpy(&head, at, sizeof head);
  return head;
}

constexpr std::array<bool, 256> kNameCharacters = [] {
  std::array<bool, 256> allowed{};
  for (std::size_t c = '0'; c <= '9'; ++c) allowed[c] = true;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) allowed[c] = true;
  for (std::size_t c = 'a'; c <= 'z'; ++c) allowed[c] = true;
  allowed['_'] = allowed[':'] = true;
  return allowed;
}();

// Sorts, keeps the last of equal names, drops empty values.
template <typename Pair>
void Normalise(std::vector<Pair>& pairs) {
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.first < b.first; });
  std::vector<Pair> kept;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const bool last_of_name = i + 1 == pairs.size() || pairs[i + 1].first != pairs[i].first;
    if (last_of_name && !pairs[i].second.empty()) kept.push_back(std::move(pairs[i]));
  }
  pairs = std::move(kept);
}

}  // namespace

template <typename Pairs>
Labels::Block* Labels::Block::Make(const Pairs& sorted) {
  if (sorted.empty()) return nullptr;
  std::size_t bytes = 0;
  for (const auto& [name, value] : sorted) bytes += sizeof(EntryHead) + name.size() + value.size();
  Block* const block = new (::operator new(sizeof(Block) + bytes)) Block;
  block->count = static_cast<std::uint32_t>(sorted.size());
  block->bytes = static_cast<std::uint32_t>(bytes);
  char* at = block->data();
  for (const auto& [name, value] : sorted) {
    const EntryHead head{static_cast<std::uint32_t>(name.size()),
                         static_cast<std::uint32_t>(value.size())};
    std::memcpy(at, &head, sizeof head);
    at += sizeof head;
    at = std::copy(name.begin(), name.end(), at);
    at = std::copy(value.begin(), value.end(), at);
  }
  block->hash = std::hash<std::string_view>()(block->view());
  return block;
}

LabelView Labels::Iterator::operator*() const {
  const EntryHead head = ReadHead(at_);
  const char* const name = at_ + sizeof head;
  return {{name, head.name_bytes}, {name + head.name_bytes, head.value_bytes}};
}

Labels::Iterator& Labels::Iterator::operator++() {
  const EntryHead head = ReadHead(at_);
  at_ += sizeof head + head.name_bytes + head.value_bytes;
  return *this;
}

Labels::Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  std::vector<std::pair<std::string_view, std::string_view>> sorted(pairs);
  Normalise(sorted);
  block_ = Block::Make(sorted);
}

Labels::Labels(std::vector<std::pair<std::string, std::string>> pairs) {
  Normalise(pairs);
  block_ = Block::Make(pairs);
}

Labels Labels::FromSorted(const std::vector<LabelView>& labels) {
  return Labels(Block::Make(labels));
}

Labels Labels::FromViews(std::vector<std::pair<std::string_view, std::string_view>> pairs) {
  Normalise(pairs);
  return Labels(Block::Make(pairs));
}

Labels::Labels(const Labels& other) noexcept : block_(other.block_) {
  if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
}

Labels::~Labels() { Block::Release(block_); }

Labels::Iterator Labels::begin() const {
  return Iterator(block_ == nullptr ? nullptr : block_->data());
}
Labels::Iterator Labels::end() const {
  return Iterator(block_ == nullptr ? nullptr : block_->data() + block_->bytes);
}
std::size_t Labels::size() const { return block_ == nullptr ? 0 : block_->count; }

std::string_view Labels::Get(std::string_view name) const {
  for (const LabelView label : *this) {
    if (label.name == name) return label.value;
  }
  return {};
}

std::uint64_t Labels::Hash() const { return block_ == nullptr ? 0 : block_->hash; }

std::uint64_t Labels::Fingerprint() const {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    hash = (hash ^ 0xff) * 1099511628211ULL;
  };
  for (const LabelView label : *this) {
    add(label.name);
    add(label.value);
  }
  return hash;
}

Labels Labels::Without(std::string_view name) const {
  if (!Has(name)) return *this;
  std::vector<std::pair<std::string_view, std::string_view>> kept;
  for (const LabelView label : *this) {
    if (label.name != name) kept.emplace_back(label.name, label.value);
  }
  return Labels(Block::Make(kept));
}

Labels Labels::With(std::string_view name, std::string_view value) const {
  return LabelsBuilder(*this).Set(name, value).Build();
}

std::string Labels::ToString() const {
  const std::string_view metric = MetricName();
  const bool plain = IsValidMetricName(metric);
  std::string text(plain ? metric : std::string_view());
  std::string inside;
  for (const LabelView label : *this) {
    if (plain && label.name == kMetricName) continue;
    if (!inside.empty()) inside += ", ";
    inside += IsValidLabelName(label.name) ? std::string(label.name) : QuoteLabelValue(label.name);
    inside += "=" + QuoteLabelValue(label.value);
  }
  if (inside.empty() && plain) return text;
  return text + "{" + inside + "}";
}

bool operator==(const Labels& a, const Labels& b) {
  if (a.block_ == b.block_) return true;
  if (a.block_ == nullptr || b.block_ == nullptr) return false;
  return a.block_->hash == b.block_->hash && a.block_->view() == b.block_->view();
}

bool operator<(const Labels& a, const Labels& b) {
  if (a.block_ == b.block_) return false;
  Labels::Iterator left = a.begin();
  Labels::Iterator right = b.begin();
  while (left != a.end() && right != b.end()) {
    const LabelView x = *left;
    const LabelView y = *right;
    if (const int order = x.name.compare(y.name); order != 0) return order < 0;
    if (const int order = x.value.compare(y.value); order != 0) return order < 0;
    ++left;
    ++right;
  }
  return left == a.end() && right != b.end();
}

LabelsBuilder::LabelsBuilder(const Labels& base) {
  pairs_.reserve(base.size() + 2);
  for (const LabelView label : base) pairs_.emplace_back(label.name, label.value);
}

LabelsBuilder& LabelsBuilder::Set(std::string_view name, std::string_view value) {
  const auto at = std::lower_bound(
      pairs_.begin(), pairs_.end(), name,
      [](const auto& pair, std::string_view wanted) { return pair.first < wanted; });
  const bool found = at != pairs_.end() && at->first == name;
  if (value.empty()) {
    if (found) pairs_.erase(at);
  } else if (found) {
    at->second = value;
  } else {
    pairs_.emplace(at, name, value);
  }
  return *this;
}

std::string_view LabelsBuilder::Get(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return {};
}

Labels LabelsBuilder::Build() const { return Labels(Labels::Block::Make(pairs_)); }

bool IsValidLabelName(std::string_view name) {
  return IsValidMetricName(name) && name.find(':') == std::string_view::npos;
}

bool IsValidMetricName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return kNameCharacters[static_cast<unsigned char>(c)]; });
}

std::string QuoteLabelValue(std::string_view value) {
  std::string result = "\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      result += {'\\', c};
    } else if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result + "\"";
}

}  // namespace drwatch::model
