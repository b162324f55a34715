#include "notify/forwarder.h"

#include <algorithm>

#include "base/duration.h"
#include "base/log.h"
#include "notify/forward_happening.h"

namespace drwatch::notify {

Forwarder::Forwarder(Options options)
    : options_(std::move(options)),
      scale_(*options_.clock, options_.clock->Now()),
      state_(options_.config, options_.repeat, Now()) {
  state_.Restore(options_.known, Now());
  Reload(options_.config);
}

Forwarder::~Forwarder() { Stop(base::Duration(0)); }

base::Timestamp Forwarder::FollowWall() {
  const base::Duration step = scale_.Follow();
  if (step != base::Duration(0)) state_.Shift(step);
  return Now();
}

void Forwarder::Accept(const std::vector<model::AlertEvent>& events) {
  const std::lock_guard lock(mutex_);
  state_.Apply(events, FollowWall());
  for (const auto& [url, sender] : senders_) sender->wake.notify_one();
}

void Forwarder::Confirm() {
  const std::lock_guard lock(mutex_);
  state_.Confirm(FollowWall());
  for (const auto& [url, sender] : senders_) sender->wake.notify_one();
}

void Forwarder::Reload(std::shared_ptr<const config::Config> config) {
  std::vector<std::unique_ptr<Sender>> removed;
  {
    const std::lock_guard lock(mutex_);
    state_.Reload(config, FollowWall());
    std::map<std::string, std::unique_ptr<Sender>> senders;
    for (ForwardPeer& peer : ForwardPeers(*config)) {
      std::unique_ptr<Sender>& sender = senders[peer.url];
      const auto old = senders_.find(peer.url);
      sender = old == senders_.end() ? std::make_unique<Sender>() : std::move(old->second);
      sender->peer = std::move(peer);
      sender->wake.notify_one();
    }
    for (auto& [url, sender] : senders_) {
      if (!sender) continue;
      sender->removed = true;
      sender->stop.RequestStop();
      sender->wake.notify_one();
      removed.push_back(std::move(sender));
    }
    senders_ = std::move(senders);
    StartSenders();
  }
  for (const auto& sender : removed) {
    if (sender->thread.joinable()) sender->thread.join();
  }
}

void Forwarder::Start() {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kIdle) return;
  phase_ = Phase::kRunning;
  StartSenders();
}

void Forwarder::StartSenders() {
  if (phase_ != Phase::kRunning) return;
  for (const auto& [url, sender] : senders_) {
    if (sender->running) continue;
    sender->running = true;
    sender->thread = std::thread([this, at = sender.get()] { Run(*at); });
  }
}

void Forwarder::Stop(base::Duration drain) {
  const auto wake_all = [this] {
    for (const auto& [url, sender] : senders_) sender->wake.notify_one();
  };
  {
    std::unique_lock lock(mutex_);
    if (phase_ == Phase::kStopped) return;
    if (phase_ == Phase::kRunning && drain > base::Duration(0)) {
      phase_ = Phase::kDraining;
      wake_all();
      ended_.wait_for(lock, drain, [this] {
        return std::none_of(senders_.begin(), senders_.end(), [this](const auto& entry) {
          return entry.second->running && state_.HasChanges(entry.first, Now());
        });
      });
    }
    phase_ = Phase::kStopped;
    for (const auto& [url, sender] : senders_) sender->stop.RequestStop();
    wake_all();
  }
  for (const auto& [url, sender] : senders_) {
    if (sender->thread.joinable()) sender->thread.join();
  }
}

void Forwarder::Run(Sender& sender) {
  std::unique_lock lock(mutex_);
  const std::string url = sender.peer.url;
  while (!sender.removed && phase_ != Phase::kStopped) {
    if (phase_ == Phase::kDraining && !state_.HasChanges(url, Now())) break;
    std::vector<ForwardItem> items = state_.Take(url, FollowWall());
    if (!items.empty()) {
      const base::Duration moved = scale_.moved();
      const ForwardPeer peer = sender.peer;
      const base::Duration validity = state_.Validity();
      lock.unlock();
      const Answer answer = Send(peer, items, validity, sender.stop.token());
      lock.lock();
      FollowWall();
      for (ForwardItem& item : items) item.owed_since += scale_.moved() - moved;
      if (!sender.removed && !answer.abandoned) Settle(sender, items, answer);
      continue;
    }
    const std::optional<base::Timestamp> next = state_.NextTake(url);
    const base::Duration wait = next ? *next - Now() : base::Duration(std::chrono::hours(1));
    sender.wake.wait_for(lock, std::max(wait, base::Duration(1)));
  }
  sender.running = false;
  ended_.notify_all();
}

Forwarder::Answer Forwarder::Send(const ForwardPeer& peer, const std::vector<ForwardItem>& items,
                                  base::Duration validity, const base::StopToken& stop) const {
  Answer answer;
  net::HttpRequest request = BuildForward(peer.url, items, options_.clock->Now(), validity);
  std::vector<std::string> secrets;
  if (const base::Status applied = ApplyHttpSettings(peer.http, request, secrets); !applied) {
    answer.verdict.reason = model::ReasonName(model::Reason::kConfig);
    answer.verdict.detail = applied.error().message;
    return answer;
  }
  const base::SteadyTime began = options_.clock->Steady();
  const net::HttpOutcome outcome =
      options_.fetch(request, base::Deadline::After(peer.timeout), stop);
  answer.took = std::chrono::duration_cast<base::Duration>(options_.clock->Steady() - began);
  const base::Timestamp now = options_.clock->Now();
  answer.abandoned = stop.stopped() && !outcome.response;
  answer.verdict = ClassifyForward(outcome, now);
  answer.verdict.detail = HideSecrets(answer.verdict.detail, secrets);
  if (outcome.response) {
    const auto date = ParseHttpDate(outcome.response->Header("date"));
    // It is told to the second, and cut off.
    if (date) answer.clock_ahead = *date - std::chrono::floor<std::chrono::seconds>(now);
  }
  return answer;
}

void Forwarder::Settle(Sender& sender, const std::vector<ForwardItem>& items,
                       const Answer& answer) {
  const std::string& url = sender.peer.url;
  const ForwardNews news = state_.Settle(url, items, answer.verdict, Now());
  if (options_.on_happening) {
    const ForwardAttempt attempt{Now(), answer.took, url};
    for (const Happening& each : ForwardHappenings(attempt, items, answer.verdict, news)) {
      options_.on_happening(each);
    }
  }
  switch (news) {
    case ForwardNews::kNone:
      break;
    case ForwardNews::kFails:
      base::LogError("an Alertmanager does not take alerts, it is tried on",
                     {{"alertmanager", url}, {"cause", answer.verdict.detail}});
      break;
    case ForwardNews::kWorksAgain:
      base::LogInfo("an Alertmanager takes alerts again", {{"alertmanager", url}});
      break;
    case ForwardNews::kRefusesAlert:
      base::LogError("an Alertmanager refuses an alert",
                     {{"alertmanager", url},
                      {"alert", items.front().alert.labels.ToString()},
                      {"cause", answer.verdict.detail}});
      break;
  }
  if (answer.clock_ahead) NoteClock(sender, *answer.clock_ahead);
}

void Forwarder::NoteClock(Sender& sender, base::Duration ahead) {
  state_.NoteClock(sender.peer.url, ahead);
  const bool wrong = std::chrono::abs(ahead) > kClockTolerance;
  if (wrong && !sender.warned_of_clock) {
    base::LogWarn("the clocks of drwatch and an Alertmanager differ",
                  {{"alertmanager", sender.peer.url}, {"by", base::FormatDuration(ahead)}});
  }
  sender.warned_of_clock = wrong;
}

std::vector<ForwardHealth> Forwarder::Health() const {
  const std::lock_guard lock(mutex_);
  return state_.Health(Now());
}

}  // namespace drwatch::notify
