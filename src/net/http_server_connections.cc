#include "net/http_server_connections.h"

#include <sys/socket.h>

#include <utility>

#include "base/log.h"

namespace drwatch::net {
namespace {

constexpr base::Duration kRefusalLogInterval = std::chrono::minutes(1);

}  // namespace

ConnectionTable::ConnectionTable(std::size_t limit, std::size_t limit_per_address,
                                 base::Duration tick)
    : limit_(limit), limit_per_address_(limit_per_address) {
  thread_ = std::thread([this, tick] {
    while (!stop_.token().Wait(base::Deadline::After(tick))) CloseLate();
  });
}

ConnectionTable::~ConnectionTable() {
  stop_.RequestStop();
  thread_.join();
}

bool ConnectionTable::MayEnter(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto count = per_address_.find(address);
  const bool full = entries_.size() >= limit_;
  if (!full && (count == per_address_.end() || count->second < limit_per_address_)) return true;
  const base::SteadyTime now = std::chrono::steady_clock::now();
  if (!refusal_logged_ || now - *refusal_logged_ >= kRefusalLogInterval) {
    refusal_logged_ = now;
    base::LogWarn("http server: connection refused",
                  {{"limit", full ? "connections in all" : "connections of one address"},
                   {"address", address}});
  }
  return false;
}

ConnectionTable::Entry* ConnectionTable::Add(int fd, std::string address, base::Duration timeout) {
  const std::lock_guard lock(mutex_);
  ++per_address_[address];
  entries_.push_back(Entry{fd, std::move(address), std::chrono::steady_clock::now() + timeout});
  return &entries_.back();
}

void ConnectionTable::SetTimeout(Entry* entry, std::optional<base::Duration> timeout) {
  const std::lock_guard lock(mutex_);
  entry->deadline.reset();
  if (timeout) entry->deadline = std::chrono::steady_clock::now() + *timeout;
}

void ConnectionTable::Remove(Entry* entry) {
  const std::lock_guard lock(mutex_);
  const auto count = per_address_.find(entry->address);
  if (--count->second == 0) per_address_.erase(count);
  entries_.remove_if([entry](const Entry& other) { return &other == entry; });
}

void ConnectionTable::CloseLate() {
  const std::lock_guard lock(mutex_);
  const base::SteadyTime now = std::chrono::steady_clock::now();
  for (Entry& entry : entries_) {
    if (!entry.deadline || *entry.deadline > now) continue;
    // The event loop sees the end of the stream and closes the descriptor itself.
    ::shutdown(entry.fd, SHUT_RDWR);
    entry.deadline.reset();
  }
}

}  // namespace drwatch::net
