// What the targets share that read the files of backup programs.
#pragma once

#include <string>
#include <string_view>

#include "fuzz.h"
#include "verify/source.h"

namespace drwatch::fuzz {

// One byte at a time.
class ByteSource final : public verify::Source {
 public:
  explicit ByteSource(std::string_view bytes) : left_(bytes) {}
  verify::Walked<std::string_view> Next() override {
    byte_ = std::string(left_.substr(0, 1));
    left_.remove_prefix(byte_.size());
    return byte_;
  }

 private:
  std::string_view left_;
  std::string byte_;
};

inline void CheckFault(const verify::Fault& fault) {
  Check(!fault.message.empty(), "a fault that says nothing");
  Check(fault.message.size() < 1000, "a fault that says too much");
  Check(fault.outcome != verify::Outcome::kIntact && fault.reason != model::Reason::kNone,
        "a fault that is none");
}

template <typename T>
void CheckFault(const verify::Walked<T>& result) {
  if (!result) CheckFault(result.error());
}

// For comparisons.
inline std::string Told(const verify::Fault& fault) {
  return std::string(verify::OutcomeName(fault.outcome)) + " " +
         std::string(model::ReasonName(fault.reason)) + " " + fault.place + ": " + fault.message;
}

}  // namespace drwatch::fuzz
