// What each target is still to be told, in the order in which it is sent: an index of the ledger's
// deliveries, so that a notification costs the same whether ten or ten thousand wait.
//
// Pure. The ledger owns it and calls it under the dispatcher's lock; the deliveries stay where they
// are until they are removed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "notify/delivery_record.h"

namespace drwatch::notify {

class Outbox {
 public:
  // A healthy receiver gets the most urgent one. One that fails gets them in turn, so that a single
  // notification it cannot digest does not hold up the others.
  enum class Order { kMostUrgentFirst, kInTurn };

  // After any change of the delivery: puts it where it belongs, or takes it out if nothing of it is
  // pending.
  void Place(Delivery& delivery);
  void Remove(Delivery& delivery);
  void SetOrder(const std::string& target, Order order);

  // The next one that is neither under way nor pausing; nullptr: there is none. `now` never goes
  // back.
  Delivery* First(const std::string& target, base::Timestamp now);
  // When First has one; nullopt: nothing is pending but what is under way.
  std::optional<base::Timestamp> NextAttempt(const std::string& target) const;
  // Those queued at `until` or before of which the fallback receiver does not know.
  std::vector<DeliveryKey> Untold(const std::string& target, base::Timestamp until) const;
  // When the oldest of them was queued.
  std::optional<base::Timestamp> OldestUntold(const std::string& target) const;

 private:
  // Worst severity first, triggers before resolves, then the oldest.
  struct BySending {
    bool operator()(const Delivery* a, const Delivery* b) const;
  };
  struct ByTime {
    base::Timestamp OutboxPlace::*time;
    bool operator()(const Delivery* a, const Delivery* b) const;
  };
  struct Queue {
    Order order = Order::kMostUrgentFirst;
    base::Timestamp seen{};  // the latest `now`
    std::set<Delivery*, BySending> ready;
    std::set<Delivery*, ByTime> pausing{ByTime{&OutboxPlace::next_attempt}};
    std::set<Delivery*, ByTime> untold{ByTime{&OutboxPlace::queued_at}};
  };
  static void TakeOut(Queue& queue, Delivery& delivery);
  static void PutIn(Queue& queue, Delivery& delivery);
  const Queue* Find(const std::string& target) const;

  std::map<std::string, Queue> queues_;  // by target
};

}  // namespace drwatch::notify
