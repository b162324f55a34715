// Small text helpers. Nothing here depends on the locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drwatch::base {

// "a,,b" -> {"a", "", "b"}; "" -> {""}. The views point into `text`.
std::vector<std::string_view> Split(std::string_view text, char separator);
// Without spaces, tabs, CR and LF at both ends.
std::string_view Trim(std::string_view text);
// ASCII only.
std::string Lower(std::string_view text);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);

// The whole text as a decimal number; nullopt if it is anything else or out of range.
std::optional<std::int64_t> ParseInt(std::string_view text);
// Decimal or scientific; also Inf, +Inf, -Inf, NaN in any case. No blanks around it, no hex.
std::optional<double> ParseDouble(std::string_view text);

// Shortest text that reads back as the same number, as the Prometheus text format and API write it
// (Go's 'f' -1 for usual magnitudes, exponent from 1e21 on and below 1e-6): 1, 0.25, 1e+21, +Inf,
// -Inf, NaN.
std::string FormatDouble(double value);

// In double quotes with \" \\ \n and other control characters escaped; invalid UTF-8 as \xNN. For
// messages and logs.
std::string Quote(std::string_view text);
// At most `limit` bytes, cut at a UTF-8 boundary; "..." marks a cut.
std::string Truncate(std::string_view text, std::size_t limit);
// Lower-case hex of raw bytes.
std::string Hex(std::string_view bytes);
// nullopt if the length is odd or a digit is not hex.
std::optional<std::string> ParseHex(std::string_view text);
bool IsValidUtf8(std::string_view text);

}  // namespace drwatch::base
