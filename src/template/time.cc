// Times and durations: printing, Go's reference layouts, methods.
#include <date/tz.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>

#include "base/strings.h"
#include "template/format.h"
#include "template/functions.h"

namespace drwatch::tmpl {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::nanoseconds;

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};

struct Parts {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<nanoseconds> clock;
  std::chrono::weekday weekday;
  int day_of_year = 1;
  std::int64_t offset_seconds = 0;  // to UTC
  std::string zone = "UTC";         // "CET"
};

Parts PartsOf(Time time) {
  if (time.nanos == kZeroTime) {
    return {std::chrono::year(1) / std::chrono::January / 1,
            std::chrono::hh_mm_ss<nanoseconds>(nanoseconds(0)), std::chrono::Monday};
  }
  std::chrono::sys_time<nanoseconds> instant{nanoseconds(time.nanos)};
  std::int64_t offset = 0;
  std::string zone = "UTC";
  if (time.zone != nullptr) {
    const date::sys_info info = time.zone->get_info(floor<std::chrono::seconds>(instant));
    instant += info.offset;
    offset = info.offset.count();
    zone = info.abbrev;
  }
  const auto day = floor<days>(instant);
  const std::chrono::year_month_day date(day);
  const std::chrono::sys_days first = date.year() / std::chrono::January / 1;
  return {date,
          std::chrono::hh_mm_ss<nanoseconds>(instant - day),
          std::chrono::weekday(day),
          static_cast<int>((day - first).count()) + 1,
          offset,
          std::move(zone)};
}

int Month(const Parts& parts) {
  return static_cast<int>(static_cast<unsigned>(parts.date.month()));
}
int Day(const Parts& parts) { return static_cast<int>(static_cast<unsigned>(parts.date.day())); }
int Hour(const Parts& parts) { return static_cast<int>(parts.clock.hours().count()); }

std::string Number(std::int64_t value, std::size_t width, char fill = '0') {
  std::string text = std::to_string(value);
  if (text.size() < width) text.insert(0, width - text.size(), fill);
  return text;
}

// Nine digits cut to `digits`.
std::string Fraction(const Parts& parts, std::size_t digits) {
  return Number(parts.clock.subseconds().count(), 9).substr(0, digits);
}

// One element of Go's reference time (Mon Jan 2 15:04:05 MST 2006) and what it becomes.
struct Element {
  std::string_view text;
  std::string (*write)(const Parts&);
};

// "+02:00", "-0330", "+02:00:00"; `parts` says how many of hours, minutes and seconds.
std::string Offset(const Parts& p, int parts, std::string_view separator) {
  const std::int64_t seconds = std::abs(p.offset_seconds);
  std::string text = (p.offset_seconds < 0 ? "-" : "+") + Number(seconds / 3600, 2);
  if (parts > 1) text += std::string(separator) + Number(seconds / 60 % 60, 2);
  if (parts > 2) text += std::string(separator) + Number(seconds % 60, 2);
  return text;
}
template <int kParts, bool kColon>
std::string PlainOffset(const Parts& p) {
  return Offset(p, kParts, kColon ? ":" : "");
}
template <int kParts, bool kColon>
std::string OffsetOrZ(const Parts& p) {
  return p.offset_seconds == 0 ? "Z" : PlainOffset<kParts, kColon>(p);
}

std::string Hour12(const Parts& parts) {
  const int hour = Hour(parts) % 12;
  return std::to_string(hour == 0 ? 12 : hour);
}

// Longer elements stand before their prefixes.
const Element kElements[] = {
    {"January", [](const Parts& p) { return std::string(kMonths[Month(p) - 1]); }},
    {"Jan", [](const Parts& p) { return std::string(kMonths[Month(p) - 1].substr(0, 3)); }},
    {"Monday", [](const Parts& p) { return std::string(kWeekdays[p.weekday.c_encoding()]); }},
    {"Mon",
     [](const Parts& p) { return std::string(kWeekdays[p.weekday.c_encoding()].substr(0, 3)); }},
    {"MST", [](const Parts& p) { return p.zone; }},
    {"2006", [](const Parts& p) { return Number(static_cast<int>(p.date.year()), 4); }},
    {"Z07:00:00", OffsetOrZ<3, true>},
    {"Z07:00", OffsetOrZ<2, true>},
    {"Z0700", OffsetOrZ<2, false>},
    {"Z07", OffsetOrZ<1, false>},
    {"-07:00:00", PlainOffset<3, true>},
    {"-07:00", PlainOffset<2, true>},
    {"-0700", PlainOffset<2, false>},
    {"-07", PlainOffset<1, false>},
    {"002", [](const Parts& p) { return Number(p.day_of_year, 3); }},
    {"01", [](const Parts& p) { return Number(Month(p), 2); }},
    {"02", [](const Parts& p) { return Number(Day(p), 2); }},
    {"03", [](const Parts& p) { return Number(std::atoi(Hour12(p).c_str()), 2); }},
    {"04", [](const Parts& p) { return Number(p.clock.minutes().count(), 2); }},
    {"05", [](const Parts& p) { return Number(p.clock.seconds().count(), 2); }},
    {"06", [](const Parts& p) { return Number(static_cast<int>(p.date.year()) % 100, 2); }},
    {"15", [](const Parts& p) { return Number(Hour(p), 2); }},
    {"PM", [](const Parts& p) { return std::string(Hour(p) < 12 ? "AM" : "PM"); }},
    {"pm", [](const Parts& p) { return std::string(Hour(p) < 12 ? "am" : "pm"); }},
    {"_2", [](const Parts& p) { return Number(Day(p), 2, ' '); }},
    {"1", [](const Parts& p) { return std::to_string(Month(p)); }},
    {"2", [](const Parts& p) { return std::to_string(Day(p)); }},
    {"3", Hour12},
    {"4", [](const Parts& p) { return std::to_string(p.clock.minutes().count()); }},
    {"5", [](const Parts& p) { return std::to_string(p.clock.seconds().count()); }},
};

// .000 keeps zeros, .999 drops them with the point; both only where no digit follows.
std::size_t FractionElement(std::string_view layout, const Parts& parts, std::string& out) {
  if (layout.size() < 2 || (layout[0] != '.' && layout[0] != ',')) return 0;
  const char digit = layout[1];
  if (digit != '0' && digit != '9') return 0;
  const std::size_t end = std::min(layout.find_first_not_of(digit, 1), layout.size());
  if ((end < layout.size() && layout[end] >= '0' && layout[end] <= '9') || end > 10) return 0;
  std::string text = Fraction(parts, end - 1);
  if (digit == '9') text.erase(text.find_last_not_of('0') + 1);
  if (!text.empty()) out += layout[0] + text;
  return end;
}

template <typename Body>
Function Method(std::vector<std::string_view> parameters, Body body) {
  return {std::move(parameters), false, [body](const Values& arguments, const Environment&) {
            return base::Result<Value>(body(arguments));
          }};
}
Time TimeAt(const Values& values, std::size_t i) { return std::get<Time>(values[i].data); }
Duration DurationAt(const Values& values, std::size_t i) {
  return std::get<Duration>(values[i].data);
}

// Wraps around like Go's int64 arithmetic, but defined.
std::int64_t WrappingAdd(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// From the zero time it is as long as can be, as in Go.
Duration Between(Time from, Time to) {
  if (from.nanos == to.nanos) return Duration{0};
  if (from.nanos == kZeroTime) return Duration{std::numeric_limits<std::int64_t>::max()};
  if (to.nanos == kZeroTime) return Duration{std::numeric_limits<std::int64_t>::min()};
  return Duration{WrappingAdd(to.nanos, WrappingAdd(~from.nanos, 1))};
}

template <typename Get>
Function TimePart(Get get) {
  return Method({"time.Time"},
                [get](const Values& v) { return Value::Int(get(PartsOf(TimeAt(v, 0)))); });
}
template <typename Compare>
Function TimeComparison(Compare compare) {
  return Method({"time.Time", "time.Time"}, [compare](const Values& v) {
    return Value::Bool(compare(TimeAt(v, 0).nanos, TimeAt(v, 1).nanos));
  });
}
Function TimeCount(std::int64_t unit) {
  return Method({"time.Time"}, [unit](const Values& v) {
    if (TimeAt(v, 0).nanos == kZeroTime && unit > 1) {
      return Value::Int(-62'135'596'800 * (1'000'000'000 / unit));
    }
    return Value::Int(TimeAt(v, 0).nanos / unit - (TimeAt(v, 0).nanos % unit < 0 ? 1 : 0));
  });
}
Function DurationCount(double unit) {
  return Method({"time.Duration"}, [unit](const Values& v) {
    return Value::Float(static_cast<double>(DurationAt(v, 0).nanos) / unit);
  });
}

// Up to nine decimals without zeros at the end.
std::string Decimals(std::uint64_t nanos, std::uint64_t unit) {
  std::string text = std::to_string(nanos / unit);
  std::string fraction = std::to_string(unit + nanos % unit).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return fraction.empty() ? text : text + "." + fraction;
}

}  // namespace

base::Result<Time> InZone(Time time, const std::string& zone) {
  std::string name = zone;
  if (name == "Local") {
    const char* configured = std::getenv("TZ");
    if (configured != nullptr) name = configured;
    if (name.starts_with(':')) name.erase(0, 1);
  }
  if (name.empty() || name == "UTC") return Time{time.nanos};
  try {
    time.zone = name == "Local" ? date::current_zone() : date::locate_zone(name);
  } catch (const std::exception&) {
    // As in Go, a machine whose zone is unknown lives in UTC.
    if (zone == "Local") return Time{time.nanos};
    return base::Fail("unknown time zone " + base::Quote(zone));
  }
  return time;
}

std::string FormatTime(Time time, std::string_view layout) {
  const Parts parts = PartsOf(time);
  std::string text;
  while (!layout.empty()) {
    if (const std::size_t used = FractionElement(layout, parts, text); used > 0) {
      layout.remove_prefix(used);
      continue;
    }
    const Element* found = nullptr;
    for (const Element& element : kElements) {
      if (layout.starts_with(element.text)) {
        found = &element;
        break;
      }
    }
    if (found == nullptr) {
      text += layout[0];
      layout.remove_prefix(1);
    } else {
      text += found->write(parts);
      layout.remove_prefix(found->text.size());
    }
  }
  return text;
}

std::string PrintTime(Time time) {
  return FormatTime(time, "2006-01-02 15:04:05.999999999 -0700 MST");
}

std::string PrintDuration(Duration duration) {
  if (duration.nanos == 0) return "0s";
  const bool negative = duration.nanos < 0;
  const auto bits = static_cast<std::uint64_t>(duration.nanos);
  const std::uint64_t nanos = negative ? 0 - bits : bits;
  std::string text = negative ? "-" : "";
  if (nanos < 1'000) return text + std::to_string(nanos) + "ns";
  if (nanos < 1'000'000) return text + Decimals(nanos, 1'000) + "\u00b5s";
  if (nanos < 1'000'000'000) return text + Decimals(nanos, 1'000'000) + "ms";
  const std::uint64_t minutes = nanos / 60'000'000'000;
  if (minutes >= 60) text += std::to_string(minutes / 60) + "h";
  if (minutes >= 1) text += std::to_string(minutes % 60) + "m";
  return text + Decimals(nanos % 60'000'000'000, 1'000'000'000) + "s";
}

const FunctionTable& TimeMethods() {
  static const FunctionTable kMethods = {
      {"Format", Method({"time.Time", "string"},
                        [](const Values& v) {
                          return Value::String(FormatTime(TimeAt(v, 0), *v[1].AsString()));
                        })},
      {"String", Method({"time.Time"},
                        [](const Values& v) { return Value::String(PrintTime(TimeAt(v, 0))); })},
      {"Unix", TimeCount(1'000'000'000)},
      {"UnixMilli", TimeCount(1'000'000)},
      {"UnixMicro", TimeCount(1'000)},
      {"UnixNano", TimeCount(1)},
      {"Year", TimePart([](const Parts& p) { return static_cast<int>(p.date.year()); })},
      {"Day", TimePart(Day)},
      {"Hour", TimePart(Hour)},
      {"Minute", TimePart([](const Parts& p) { return p.clock.minutes().count(); })},
      {"Second", TimePart([](const Parts& p) { return p.clock.seconds().count(); })},
      {"Nanosecond", TimePart([](const Parts& p) { return p.clock.subseconds().count(); })},
      {"YearDay", TimePart([](const Parts& p) { return p.day_of_year; })},
      {"Month",
       Method({"time.Time"},
              [](const Values& v) { return Value::String(FormatTime(TimeAt(v, 0), "January")); })},
      {"Weekday",
       Method({"time.Time"},
              [](const Values& v) { return Value::String(FormatTime(TimeAt(v, 0), "Monday")); })},
      {"UTC",
       Method({"time.Time"}, [](const Values& v) { return Value::Of(Time{TimeAt(v, 0).nanos}); })},
      {"Local", Method({"time.Time"},
                       [](const Values& v) { return Value::Of(*InZone(TimeAt(v, 0), "Local")); })},
      {"Add",
       Method({"time.Time", "time.Duration"},
              [](const Values& v) {
                const Time time = TimeAt(v, 0);
                return Value::Of(Time{WrappingAdd(time.nanos, DurationAt(v, 1).nanos), time.zone});
              })},
      {"Sub",
       Method({"time.Time", "time.Time"},
              [](const Values& v) { return Value::Of(Between(TimeAt(v, 1), TimeAt(v, 0))); })},
      {"Before", TimeComparison(std::less<>())},
      {"After", TimeComparison(std::greater<>())},
      {"Equal", TimeComparison(std::equal_to<>())},
      {"IsZero",
       Method({"time.Time"},
              [](const Values& v) { return Value::Bool(TimeAt(v, 0).nanos == kZeroTime); })},
  };
  return kMethods;
}

const FunctionTable& DurationMethods() {
  static const FunctionTable kMethods = {
      {"String",
       Method({"time.Duration"},
              [](const Values& v) { return Value::String(PrintDuration(DurationAt(v, 0))); })},
      {"Hours", DurationCount(3600e9)},
      {"Minutes", DurationCount(60e9)},
      {"Seconds", DurationCount(1e9)},
      {"Milliseconds",
       Method({"time.Duration"},
              [](const Values& v) { return Value::Int(DurationAt(v, 0).nanos / 1'000'000); })},
      {"Nanoseconds", Method({"time.Duration"},
                             [](const Values& v) { return Value::Int(DurationAt(v, 0).nanos); })},
  };
  return kMethods;
}

}  // namespace drwatch::tmpl
