// The open connections of a server: who may come in, and who takes too long. Used by http_server.cc
// only.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/stop.h"

namespace drwatch::net {

// libmicrohttpd's own timeout starts anew with every byte, so a client that drips could hold a
// connection for ever. Here every phase has a point in time by which it must be over; a thread
// shuts down the sockets of those that are late. Thread-safe.
class ConnectionTable {
 public:
  struct Entry {
    int fd = -1;
    std::string address;
    std::optional<base::SteadyTime> deadline;  // none while a handler runs
  };

  // `tick` is how often the thread looks.
  ConnectionTable(std::size_t limit, std::size_t limit_per_address, base::Duration tick);
  ~ConnectionTable();

  // Logs a refusal, but not more than one a minute.
  bool MayEnter(const std::string& address);
  // The entry stays valid until Remove().
  Entry* Add(int fd, std::string address, base::Duration timeout);
  void SetTimeout(Entry* entry, std::optional<base::Duration> timeout);
  // Must be called before the descriptor is closed.
  void Remove(Entry* entry);

 private:
  void CloseLate();

  const std::size_t limit_;
  const std::size_t limit_per_address_;
  std::mutex mutex_;  // guards what follows
  std::list<Entry> entries_;
  std::optional<base::SteadyTime> refusal_logged_;
  std::map<std::string, std::size_t> per_address_;
  base::StopSource stop_;
  std::thread thread_;
};

}  // namespace drwatch::net
