#include "support/postgres_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/strings.h"
#include "support/eventually.h"
#include "support/fake_http_server.h"

namespace drwatch::testing {
namespace {

namespace fs = std::filesystem;

// The newest installed; "" if none.
std::string BinFolder() {
  std::string best;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    const std::string bin = entry.path() / "bin";
    if (fs::exists(bin + "/postgres") && bin > best) best = bin;
  }
  return best;
}

const passwd* ServerUser() { return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr; }

void HandOver(const std::string& path) {
  const passwd* user = ServerUser();
  if (user == nullptr) return;
  if (::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) std::abort();
}

pid_t Spawn(const std::vector<std::string>& words, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const passwd* user = ServerUser();
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int output = ::open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0644);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::setpgid(0, 0);
  const bool ready =
      user == nullptr || (::setgid(user->pw_gid) == 0 && ::setuid(user->pw_uid) == 0);
  if (ready && ::chdir("/") == 0) ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

bool Succeeds(const std::vector<std::string>& words, const std::string& log) {
  int status = 0;
  ::waitpid(Spawn(words, log), &status, 0);
  return status == 0;
}

void Run(const std::vector<std::string>& words, const std::string& log) {
  if (!Succeeds(words, log)) ADD_FAILURE() << base::Join(words, " ") << ": " << ReadTestFile(log);
}

// A cluster that was never started, for all tests of the program that want segments of this size.
const std::string& Template(int segment_mib) {
  static const TempDir folder;
  static std::map<int, std::string> clusters;
  std::string& path = clusters[segment_mib];
  if (!path.empty()) return path;
  HandOver(folder.path());
  path = folder.Path("data" + std::to_string(segment_mib));
  Run({BinFolder() + "/initdb", "--no-sync", "--auth=trust", "-U", "postgres", "-E", "UTF8",
       "--locale=C", "-k", "--wal-segsize=" + std::to_string(segment_mib), "-D", path},
      folder.Path("log"));
  return path;
}

}  // namespace

bool PostgresServer::Available() { return !BinFolder().empty(); }

PostgresServer::PostgresServer() : port_(ClosedPort()) { HandOver(folder_.path()); }

PostgresServer::~PostgresServer() { Stop(); }

std::string PostgresServer::data() const { return folder_.Path("data"); }
std::string PostgresServer::archive_folder() const { return folder_.Path("archive"); }
std::string PostgresServer::Url(const std::string& user) const {
  return "postgres://" + user + "@127.0.0.1:" + std::to_string(port_) + "/postgres";
}

void PostgresServer::Configure(const std::vector<std::string>& settings) const {
  std::ofstream file(data() + "/postgresql.auto.conf", std::ios::app);
  file << "listen_addresses = '127.0.0.1'\nport = " << port_ << "\nunix_socket_directories = '"
       << folder_.path() << "'\nshared_buffers = '16MB'\nfsync = off\nmax_connections = 20\n";
  for (const std::string& line : settings) file << line << "\n";
}

std::unique_ptr<PostgresServer> PostgresServer::StartPrimary(
    const std::vector<std::string>& settings, int segment_mib) {
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  Run({"/bin/cp", "-r", Template(segment_mib), server->data()}, server->folder_.Path("log"));
  fs::create_directory(server->archive_folder());
  HandOver(server->archive_folder());
  server->Configure({"wal_level = replica", "archive_mode = on", "wal_keep_size = '64MB'",
                     "archive_command = 'cp %p " + server->archive_folder() + "/%f'"});
  server->Configure(settings);
  server->Start();
  server->Sql("CREATE ROLE drwatch LOGIN");
  server->Sql("GRANT pg_monitor TO drwatch");
  return server;
}

std::unique_ptr<PostgresServer> PostgresServer::StartStandby(const PostgresServer& primary) {
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  Run({BinFolder() + "/pg_basebackup", "-h", "127.0.0.1", "-p", std::to_string(primary.port_), "-U",
       "postgres", "-D", server->data(), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"},
      server->folder_.Path("log"));
  server->Configure({"archive_mode = off"});
  server->Start();
  EXPECT_TRUE(Eventually(
      [&] { return server->Sql("SELECT status FROM pg_stat_wal_receiver") == "streaming"; }));
  return server;
}

void PostgresServer::Start() {
  process_ = Spawn({BinFolder() + "/postgres", "-D", data()}, folder_.Path("log"));
  const std::string port = std::to_string(port_);
  const bool up = Eventually([&] {
    return Succeeds({BinFolder() + "/pg_isready", "-q", "-h", "127.0.0.1", "-p", port},
                    folder_.Path("client"));
  });
  EXPECT_TRUE(up) << ReadTestFile(folder_.Path("log"));
}

void PostgresServer::Signal(int number) const {
  if (process_ > 0) ::kill(process_, number);
}

void PostgresServer::Stop() {
  if (process_ <= 0) return;
  Thaw();
  Signal(SIGINT);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

void PostgresServer::Freeze() { Signal(SIGSTOP); }
void PostgresServer::Thaw() { Signal(SIGCONT); }

std::string PostgresServer::ToolOutput(const std::string& command) {
  FILE* const pipe =
      ::popen(("TZ=UTC " + BinFolder() + "/" + command + " 2>/dev/null").c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  std::size_t count = 0;
  while (pipe != nullptr && (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    output.append(buffer.data(), count);
  }
  if (pipe != nullptr) ::pclose(pipe);
  EXPECT_FALSE(output.empty()) << command;
  return output;
}

std::string PostgresServer::Sql(const std::string& sql) const {
  const std::string output = folder_.Path("output");
  std::error_code ignored;
  fs::remove(output, ignored);
  Run({BinFolder() + "/psql", "-h", "127.0.0.1", "-p", std::to_string(port_), "-U", "postgres",
       "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql},
      output);
  return std::string(base::Trim(ReadTestFile(output)));
}

}  // namespace drwatch::testing
