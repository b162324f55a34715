#include "notify/outbox.h"

#include <algorithm>
#include <tuple>

namespace drwatch::notify {
namespace {

auto Rank(const Delivery& delivery) {
  const OutboxPlace& place = *delivery.place;
  return std::tuple(place.turn, -static_cast<int>(place.urgency), place.resolve, place.queued_at,
                    delivery.alert);
}

}  // namespace

bool Outbox::BySending::operator()(const Delivery* a, const Delivery* b) const {
  const auto left = Rank(*a), right = Rank(*b);
  return left != right ? left < right : a->key < b->key;
}

bool Outbox::ByTime::operator()(const Delivery* a, const Delivery* b) const {
  const base::Timestamp left = (*a->place).*time, right = (*b->place).*time;
  return left != right ? left < right : a->key < b->key;
}

void Outbox::TakeOut(Queue& queue, Delivery& delivery) {
  const OutboxPlace& place = *delivery.place;
  if (place.untold) queue.untold.erase(&delivery);
  if (place.under_way) return;
  if (place.ready) {
    queue.ready.erase(&delivery);
  } else {
    queue.pausing.erase(&delivery);
  }
}

void Outbox::PutIn(Queue& queue, Delivery& delivery) {
  OutboxPlace place;
  if (queue.order == Order::kInTurn) place.turn = delivery.last_attempt;
  place.urgency = delivery.urgency;
  place.resolve = delivery.pending == Occasion::kResolve;
  place.queued_at = delivery.queued_at;
  place.next_attempt = delivery.next_attempt;
  place.under_way = delivery.in_flight;
  place.ready = delivery.next_attempt <= queue.seen;
  place.untold = !delivery.fell_back;
  delivery.place = place;
  if (place.untold) queue.untold.insert(&delivery);
  if (place.under_way) return;
  if (place.ready) {
    queue.ready.insert(&delivery);
  } else {
    queue.pausing.insert(&delivery);
  }
}

void Outbox::Place(Delivery& delivery) {
  Queue& queue = queues_[delivery.key.first];
  if (delivery.place) TakeOut(queue, delivery);
  delivery.place.reset();
  if (delivery.pending) PutIn(queue, delivery);
}

void Outbox::Remove(Delivery& delivery) {
  if (delivery.place) TakeOut(queues_[delivery.key.first], delivery);
  delivery.place.reset();
}

void Outbox::SetOrder(const std::string& target, Order order) {
  Queue& queue = queues_[target];
  if (queue.order == order) return;
  queue.order = order;
  for (Delivery* delivery : std::exchange(queue.ready, {})) {
    delivery->place->turn = order == Order::kInTurn ? delivery->last_attempt : base::Timestamp{};
    queue.ready.insert(delivery);
  }
  for (Delivery* delivery : queue.pausing) {
    delivery->place->turn = order == Order::kInTurn ? delivery->last_attempt : base::Timestamp{};
  }
}

Delivery* Outbox::First(const std::string& target, base::Timestamp now) {
  const auto found = queues_.find(target);
  if (found == queues_.end()) return nullptr;
  Queue& queue = found->second;
  queue.seen = std::max(queue.seen, now);
  while (!queue.pausing.empty()) {
    Delivery* delivery = *queue.pausing.begin();
    if (delivery->place->next_attempt > now) break;
    queue.pausing.erase(queue.pausing.begin());
    delivery->place->ready = true;
    queue.ready.insert(delivery);
  }
  return queue.ready.empty() ? nullptr : *queue.ready.begin();
}

const Outbox::Queue* Outbox::Find(const std::string& target) const {
  const auto found = queues_.find(target);
  return found == queues_.end() ? nullptr : &found->second;
}

std::optional<base::Timestamp> Outbox::NextAttempt(const std::string& target) const {
  const Queue* queue = Find(target);
  if (queue == nullptr) return std::nullopt;
  if (!queue->ready.empty()) return queue->seen;
  if (queue->pausing.empty()) return std::nullopt;
  return (*queue->pausing.begin())->place->next_attempt;
}

std::vector<DeliveryKey> Outbox::Untold(const std::string& target, base::Timestamp until) const {
  std::vector<DeliveryKey> keys;
  const Queue* queue = Find(target);
  if (queue == nullptr) return keys;
  for (const Delivery* delivery : queue->untold) {
    if (delivery->place->queued_at > until) break;
    keys.push_back(delivery->key);
  }
  return keys;
}

std::optional<base::Timestamp> Outbox::OldestUntold(const std::string& target) const {
  const Queue* queue = Find(target);
  if (queue == nullptr || queue->untold.empty()) return std::nullopt;
  return (*queue->untold.begin())->place->queued_at;
}

}  // namespace drwatch::notify
