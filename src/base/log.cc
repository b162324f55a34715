#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/strings.h"

namespace drwatch::base {
namespace {

struct State {
  std::mutex mutex;
  LogOptions options;
  std::function<void(LogLevel, std::string_view)> sink;
  std::shared_ptr<spdlog::logger> logger;
};

State& GetState() {
  static State* const state = [] {
    auto* created = new State;
    created->logger = std::make_shared<spdlog::logger>(
        "drwatch", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    created->logger->set_pattern("%v");
    created->logger->set_level(spdlog::level::trace);
    created->logger->flush_on(spdlog::level::trace);
    return created;
  }();
  return *state;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

bool NeedsQuotes(std::string_view value) {
  return value.empty() || value.find_first_of(" \"=\\\n\t") != std::string_view::npos ||
         !IsValidUtf8(value);
}

std::string JsonQuote(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (c == '\n') {
      result += "\\n";
    } else if (byte < 0x20) {
      result += "\\u00" + Hex(std::string_view(&c, 1));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string FormatLine(LogFormat format, LogLevel level, std::string_view message,
                       std::initializer_list<LogField> fields) {
  const std::string time = FormatRfc3339(SystemClock().Now());
  std::string line;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (format == LogFormat::kJson) {
      line += line.empty() ? "{" : ",";
      line += JsonQuote(key) + ":" + JsonQuote(value);
    } else {
      if (!line.empty()) line += ' ';
      line += std::string(key) + "=" + (NeedsQuotes(value) ? Quote(value) : std::string(value));
    }
  };
  add("ts", time);
  add("level", LevelName(level));
  add("msg", message);
  for (const LogField& field : fields) add(field.key, field.value);
  if (format == LogFormat::kJson) line += "}";
  return line;
}

}  // namespace

void ConfigureLog(const LogOptions& options) {
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  state.options = options;
}

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  if (level < state.options.level) return;
  const std::string line = FormatLine(state.options.format, level, message, fields);
  if (state.sink) {
    state.sink(level, line);
  } else {
    state.logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }
}

void SetLogSink(std::function<void(LogLevel, std::string_view)> sink) {
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  state.sink = std::move(sink);
}

}  // namespace drwatch::base
