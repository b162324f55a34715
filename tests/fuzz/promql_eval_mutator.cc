// Writes expressions that are likely to have a value: mutated text hardly ever has one. Puts a
// written one in the place of another, or of a parenthesis in it; half of the time text is mutated
// as ever.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

constexpr int kMaxDepth = 4;

class Writer {
 public:
  explicit Writer(unsigned seed) : random_(seed) {}

  std::size_t Below(std::size_t end) { return random_() % end; }

  std::string Vector(int depth) {
    if (depth >= kMaxDepth || Below(4) == 0) return Selector();
    switch (Below(9)) {
      case 0:
        return Pick({"abs", "ceil", "exp", "sgn", "sort", "sort_desc", "timestamp", "absent", "-",
                     "hour", "year", "sqrt", "ln", "day_of_month"}) +
               "(" + Vector(depth + 1) + ")";
      case 1:
        return Window() + "(" + Range(depth + 1) + ")";
      case 2:
        return Aggregate(depth);
      case 3:
      case 4:
        return Vector(depth + 1) + Operator() + Matching() + " " + Vector(depth + 1);
      case 5:
        return Vector(depth + 1) + Operator() + " " + Number(depth);
      case 6:
        return WithNumber(depth);
      case 7:
        return Labelled(depth);
      default:
        return "(" + Vector(depth + 1) + ")";
    }
  }

 private:
  std::string Pick(std::initializer_list<const char*> words) {
    return *(words.begin() + Below(words.size()));
  }

  std::string Selector() {
    return Pick({"up", "requests_total", "load", "disk_bytes", "seconds_bucket", "role",
                 "{job=\"db\"}", "{__name__=~\"up|load\"}", "nothing"}) +
           Pick({"", "", "", "{job=\"api\"}", "{instance!~\"b.*\"}", "{le!=\"\"}"}) + Shift();
  }
  std::string Shift() {
    return Pick({"", "", "", "", " offset 1m", " offset -90s", " @ 1700000200", " @ start()",
                 " @ end()", " @ 1700000200.5 offset 2m"});
  }
  std::string Time() { return Pick({"30s", "1m", "2m", "90s", "5m", "1h", "1ms", "1w"}); }
  std::string Range(int depth) {
    if (depth < kMaxDepth && Below(3) == 0) {
      const std::string step = Below(3) == 0 ? "" : Pick({"30s", "1m", "17s", "2m"});
      return "(" + Vector(depth + 1) + ")[" + Time() + ":" + step + "]" + Shift();
    }
    const std::string selector =
        Pick({"up", "requests_total", "load", "disk_bytes", "role", "{instance=~\".*\"}"});
    return selector + "[" + Time() + "]" + Shift();
  }
  std::string Number(int depth) {
    if (depth < kMaxDepth && Below(5) == 0) return "scalar(" + Vector(depth + 1) + ")";
    return Pick({"0", "1", "-1", "2.5", "NaN", "Inf", "-Inf", "1e300", "time()", "0.5", "1e-300",
                 "1_000", "0x10", "5m", "9223372036854775807"});
  }
  std::string Operator() {
    return Pick({" + ", " - ", " * ", " / ", " % ", " ^ ", " atan2 ", " == ", " != ", " > ", " < ",
                 " >= ", " <= ", " == bool ", " > bool ", " and ", " or ", " unless "});
  }
  std::string Matching() {
    return Pick({"", "", "", "on(instance)", "ignoring(job)", "on()", "ignoring(kind) group_left()",
                 "on(instance) group_left(kind)", "on(job) group_right(instance)",
                 "ignoring(le) group_left"});
  }
  std::string Grouping() {
    return Pick({"", "", " by (job)", " without (instance)", " by ()", " by (le, instance)",
                 " without ()"});
  }
  std::string Window() {
    return Pick({"rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets",
                 "avg_over_time", "min_over_time", "max_over_time", "sum_over_time",
                 "count_over_time", "stddev_over_time", "stdvar_over_time", "last_over_time",
                 "first_over_time", "present_over_time", "absent_over_time"});
  }
  std::string Aggregate(int depth) {
    const std::string inner = Vector(depth + 1);
    const std::string by = Grouping();
    switch (Below(4)) {
      case 0:
        return Pick({"topk", "bottomk", "quantile", "limitk", "limit_ratio"}) + by + "(" +
               Number(depth) + ", " + inner + ")";
      case 1:
        return "count_values" + by + "(\"" + Pick({"value", "job", "le"}) + "\", " + inner + ")";
      default:
        return Pick({"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"}) + by + "(" +
               inner + ")";
    }
  }
  std::string WithNumber(int depth) {
    switch (Below(7)) {
      case 0:
        return "clamp(" + Vector(depth + 1) + ", " + Number(depth) + ", " + Number(depth) + ")";
      case 1:
        return "round(" + Vector(depth + 1) + ", " + Number(depth) + ")";
      case 2:
        return "quantile_over_time(" + Number(depth) + ", " + Range(depth + 1) + ")";
      case 3:
        return "predict_linear(" + Range(depth + 1) + ", " + Number(depth) + ")";
      case 4:
        return "vector(" + Number(depth) + ")";
      case 5:
        return "histogram_fraction(" + Number(depth) + ", 1, " + Vector(depth + 1) + ")";
      default:
        return "histogram_quantile(" + Number(depth) + ", " + Vector(depth + 1) + ")";
    }
  }
  std::string Labelled(int depth) {
    if (Below(3) == 0) {
      return "label_join(" + Vector(depth + 1) + ", \"to\", \"-\", \"job\", \"instance\")";
    }
    return "label_replace(" + Vector(depth + 1) + ", \"" + Pick({"job", "to", "__name__"}) +
           "\", \"" + Pick({"$1", "x", "", "${1}y$2"}) + "\", \"instance\", \"" +
           Pick({"(.*):(.*)", "a.*", "", "(?P<n>.).*"}) + "\")";
  }

  std::minstd_rand random_;
};

std::size_t Store(std::uint8_t* data, const std::string& text) {
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  Writer writer(seed);
  const std::size_t way = writer.Below(4);
  if (way >= 2) return LLVMFuzzerMutate(data, size, max_size);
  std::string written = writer.Vector(way == 0 ? 0 : 2);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t open = way == 0 ? text.npos : text.find('(', writer.Below(size + 1));
  if (open != text.npos) {
    const std::size_t close = std::min(text.find_first_of(",)", open + 1), size);
    written = std::string(text.substr(0, open + 1)) + written + std::string(text.substr(close));
  }
  if (written.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  return Store(data, written);
}
