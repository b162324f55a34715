#include "support/fake_stream_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/stop.h"
#include "base/strings.h"

namespace drwatch::testing {
namespace {

constexpr base::Duration kLongestTest = std::chrono::minutes(2);

struct Client {
  base::UniqueFd fd;
  int number = 0;
  std::string received;
  std::string to_send;
  std::string flood;
  bool closing = false;
};

void Require(bool worked) {
  if (!worked) std::abort();
}

}  // namespace

struct FakeStreamServer::State {
  Script script;
  std::string greeting;
  base::UniqueFd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  std::uint16_t port = 0;
  base::StopSource stop;
  std::atomic<int> connections{0};
  mutable std::mutex mutex;
  std::string everything;
  std::vector<Client> clients;
  std::thread thread;

  void Listen() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* name = reinterpret_cast<sockaddr*>(&address);
    Require(::bind(listener.get(), name, size) == 0);
    Require(::listen(listener.get(), 16) == 0);
    Require(::getsockname(listener.get(), name, &size) == 0);
    port = ntohs(address.sin_port);
  }
  void Accept() {
    base::UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) return;
    Client client;
    client.fd = std::move(fd);
    client.number = ++connections;
    client.to_send = greeting;
    clients.push_back(std::move(client));
  }
  // False when the connection is over.
  bool Serve(Client& client, short events) {
    if ((events & (POLLERR | POLLHUP)) != 0) return false;
    if ((events & POLLIN) != 0) {
      char buffer[4096];
      const ssize_t got = ::recv(client.fd.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return got < 0 && errno == EAGAIN;
      client.received.append(buffer, static_cast<std::size_t>(got));
      {
        const std::lock_guard lock(mutex);
        everything.append(buffer, static_cast<std::size_t>(got));
      }
      StreamStep step = script(client.received, client.number);
      client.to_send += step.answer;
      client.closing = client.closing || step.then == StreamStep::Then::kClose;
      if (!step.flood.empty()) client.flood = step.flood;
    }
    if (client.to_send.empty()) client.to_send = client.flood;
    if (!client.to_send.empty()) {
      const ssize_t sent =
          ::send(client.fd.get(), client.to_send.data(), client.to_send.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      client.to_send.erase(0, static_cast<std::size_t>(sent));
    }
    return !client.closing || !client.to_send.empty();
  }
  void Run() {
    while (true) {
      std::vector<pollfd> fds = {pollfd{listener.get(), POLLIN, 0}};
      for (const Client& client : clients) {
        const bool sending = !client.to_send.empty() || !client.flood.empty();
        fds.push_back(
            pollfd{client.fd.get(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0});
      }
      const base::WaitResult result =
          base::PollUntil(fds, base::Deadline::After(kLongestTest), stop.token());
      if (result != base::WaitResult::kReady) return;
      std::vector<Client> alive;
      for (std::size_t i = 0; i < clients.size(); ++i) {
        if (fds[i + 1].revents == 0 || Serve(clients[i], fds[i + 1].revents)) {
          alive.push_back(std::move(clients[i]));
        }
      }
      clients = std::move(alive);
      if (fds[0].revents != 0) Accept();
    }
  }
};

FakeStreamServer::FakeStreamServer(Script script, std::string greeting)
    : state_(std::make_unique<State>()) {
  state_->script = std::move(script);
  state_->greeting = std::move(greeting);
  state_->Listen();
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
}

FakeStreamServer::~FakeStreamServer() {
  state_->stop.RequestStop();
  state_->thread.join();
}

std::uint16_t FakeStreamServer::port() const { return state_->port; }
std::string FakeStreamServer::address() const { return "127.0.0.1:" + std::to_string(port()); }
int FakeStreamServer::connections() const { return state_->connections; }
std::string FakeStreamServer::received() const {
  const std::lock_guard lock(state_->mutex);
  return state_->everything;
}

std::string TakeRedisCommand(std::string& received) {
  std::size_t at = 0;
  const auto line = [&]() -> std::string {
    const std::size_t end = received.find("\r\n", at);
    if (end == std::string::npos) return {};
    std::string text = received.substr(at, end - at);
    at = end + 2;
    return text;
  };
  const std::string head = line();
  if (head.empty() || head.front() != '*') return {};
  std::vector<std::string> words;
  for (std::int64_t left = base::ParseInt(head.substr(1)).value_or(0); left > 0; --left) {
    const std::string size_line = line();
    if (size_line.empty()) return {};
    const auto size = static_cast<std::size_t>(base::ParseInt(size_line.substr(1)).value_or(0));
    if (received.size() < at + size + 2) return {};
    words.push_back(received.substr(at, size));
    at += size + 2;
  }
  received.erase(0, at);
  return base::Join(words, " ");
}

}  // namespace drwatch::testing
