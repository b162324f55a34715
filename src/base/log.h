// The program's log: logfmt or JSON lines on standard error, as Prometheus' programs write them.
//
// Thread-safe. Secrets never go in: pass base::Secret nowhere near a field, and addresses through
// RedactUrl.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

namespace drwatch::base {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

struct LogField {
  LogField(std::string_view field_key, std::string_view field_value)
      : key(field_key), value(field_value) {}
  LogField(std::string_view field_key, std::int64_t number)
      : key(field_key), value(std::to_string(number)) {}
  std::string key;
  std::string value;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;       // --log.level
  LogFormat format = LogFormat::kLogfmt;  // --log.format
};
// Takes effect for later lines. Call it before threads start.
void ConfigureLog(const LogOptions& options);

// LogInfo("config loaded", {{"file", path}, {"probes", count}});
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
inline void LogDebug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarn(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarn, message, fields);
}
inline void LogError(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

// Sends every line (level, whole text) to `sink` instead of standard error; nullptr restores it.
// For tests.
void SetLogSink(std::function<void(LogLevel, std::string_view)> sink);

}  // namespace drwatch::base
