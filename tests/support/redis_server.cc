#include "support/redis_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "support/fake_http_server.h"

namespace drwatch::testing {
namespace {

constexpr const char* kProgram = "/usr/bin/redis-server";

}  // namespace

bool RedisServer::Available() { return std::filesystem::exists(kProgram); }

RedisServer::RedisServer(const std::vector<std::string>& options) : port_(ClosedPort()) {
  std::vector<std::string> words = {kProgram,
                                    "--port",
                                    std::to_string(port_),
                                    "--bind",
                                    "127.0.0.1",
                                    "--dir",
                                    folder(),
                                    "--save",
                                    "",
                                    "--repl-diskless-sync-delay",
                                    "0",
                                    "--repl-ping-replica-period",
                                    "1"};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string log = folder_.Path("log");
  process_ = ::fork();
  if (process_ != 0) return;
  const int output = ::open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0644);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::setpgid(0, 0);
  ::execv(kProgram, arguments.data());
  ::_exit(127);
}

RedisServer::~RedisServer() { Stop(); }

void RedisServer::Stop() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

}  // namespace drwatch::testing
