#include "exporter/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/strings.h"

namespace drwatch::exporter {
namespace {

std::string ReadProc(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Fields of /proc/self/stat after the command name; the first is the state (field 3 of proc(5)).
std::vector<std::string> StatFields() {
  const std::string stat = ReadProc("/proc/self/stat");
  const std::size_t end_of_name = stat.rfind(')');
  std::vector<std::string> fields;
  if (end_of_name == std::string::npos) return fields;
  std::istringstream rest(stat.substr(end_of_name + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double Field(const std::vector<std::string>& fields, std::size_t number) {
  constexpr std::size_t kFirst = 3;
  return number - kFirst < fields.size() ? base::ParseDouble(fields[number - kFirst]).value_or(0)
                                         : 0;
}

double BootTimeSeconds() {
  std::istringstream stat(ReadProc("/proc/stat"));
  for (std::string line; std::getline(stat, line);) {
    if (line.starts_with("btime ")) return base::ParseDouble(line.substr(6)).value_or(0);
  }
  return 0;
}

double CountOpenFiles() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  // The iterator itself holds one open.
  return count > 0 ? count - 1 : 0;
}

}  // namespace

std::int64_t CountThreads() { return static_cast<std::int64_t>(Field(StatFields(), 20)); }

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

void AddProcessMetrics(model::FamilySet& families) {
  const std::vector<std::string> fields = StatFields();
  if (fields.empty()) return;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  families.Counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
                   {}, (Field(fields, 14) + Field(fields, 15)) / ticks);
  families.Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", {},
                 Field(fields, 23));
  families.Gauge("process_resident_memory_bytes", "Resident memory size in bytes.", {},
                 Field(fields, 24) * page);
  families.Gauge("process_start_time_seconds",
                 "Start time of the process since unix epoch in seconds.", {},
                 BootTimeSeconds() + Field(fields, 22) / ticks);
  families.Gauge("process_threads", "Number of threads of the process.", {}, Field(fields, 20));
  families.Gauge("process_open_fds", "Number of open file descriptors.", {}, CountOpenFiles());
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.Gauge("process_max_fds", "Maximum number of open file descriptors.", {},
                   static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace drwatch::exporter
