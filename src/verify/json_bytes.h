// The bytes of a stream one by one, for a JSON parser that takes iterators. Ends early at a fault
// of the stream or a text that is too long. Does not own the reader; one thread.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "verify/source.h"

namespace drwatch::verify {

class JsonBytes {
 public:
  // A name or a value with the blanks before it, all of which the parser keeps; the longest path of
  // a server has 1024 bytes.
  static constexpr std::size_t kMaxTextBytes = 1 << 20;

  explicit JsonBytes(Reader& file) : file_(file) { Fill(); }

  bool ended() const { return bytes_.empty(); }
  char Get() const { return bytes_[at_]; }
  void Step() {
    Watch(bytes_[at_]);
    if (++at_ < bytes_.size()) return;
    file_.Consume(bytes_.size());
    Fill();
  }
  const std::optional<Fault>& fault() const { return fault_; }
  std::int64_t offset() const { return file_.offset() + static_cast<std::int64_t>(at_); }

 private:
  void Fill() {
    at_ = 0;
    bytes_ = {};
    if (fault_) return;
    auto bytes = file_.Look();
    if (bytes) {
      bytes_ = *bytes;
    } else {
      fault_ = std::move(bytes.error());
    }
  }
  void Watch(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = in_text_;
    } else if (c == '"') {
      in_text_ = !in_text_;
      text_bytes_ = 0;
    } else if (!in_text_ && std::string_view(",:{}[]").find(c) != std::string_view::npos) {
      text_bytes_ = 0;
    }
    if (++text_bytes_ <= kMaxTextBytes || fault_) return;
    fault_ = Fault{Outcome::kUnjudged, model::Reason::kLimit, "",
                   "a text, a number or blanks of more than 1 MiB"};
  }

  Reader& file_;
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool in_text_ = false;
  bool escaped_ = false;
  std::size_t text_bytes_ = 0;
  std::optional<Fault> fault_;
};

class JsonByteIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  JsonByteIterator() = default;  // the end
  explicit JsonByteIterator(JsonBytes& bytes) : bytes_(&bytes) {}
  char operator*() const { return bytes_->Get(); }
  JsonByteIterator& operator++() {
    bytes_->Step();
    return *this;
  }
  void operator++(int) { bytes_->Step(); }
  bool operator==(const JsonByteIterator& other) const { return ended() == other.ended(); }

 private:
  bool ended() const { return bytes_ == nullptr || bytes_->ended() || bytes_->fault(); }
  JsonBytes* bytes_ = nullptr;
};

}  // namespace drwatch::verify
