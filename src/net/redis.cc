#include "net/redis.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"

namespace drwatch::net {
namespace {

using model::Reason;

constexpr std::uint16_t kDefaultPort = 6379;
constexpr std::size_t kMaxMessageBytes = 200;

struct Known {
  std::string_view start;
  Reason reason;
};

constexpr std::array<Known, 14> kErrors = {{
    {"NOAUTH", Reason::kAuth},
    {"WRONGPASS", Reason::kAuth},
    {"ERR invalid password", Reason::kAuth},  // before Redis 6
    {"ERR Client sent AUTH", Reason::kAuth},  // no password is set there
    {"ERR AUTH", Reason::kAuth},
    {"NOPERM", Reason::kPermission},
    {"DENIED", Reason::kPermission},  // protected mode
    {"LOADING", Reason::kStartingUp},
    {"ERR max number of clients", Reason::kTooManyConnections},
    {"MASTERDOWN", Reason::kReplicationBroken},
    {"MISCONF", Reason::kPersistenceFailing},
    {"BUSY", Reason::kTimeout},
    {"ERR unknown command", Reason::kNotFound},
    {"ERR unknown subcommand", Reason::kNotFound},
}};

struct CommandDeleter {
  void operator()(char* command) const { redisFreeCommand(command); }
};

// How hiredis' reader builds our replies. A nested value is an element of its parent's array, which
// is sized before its elements come, so that the pointers stay good.
struct Limits {
  std::size_t elements_left = RedisConnection::kMaxReplyElements;
  bool exceeded = false;
};

RedisReply* Place(const redisReadTask* task) {
  if (task->parent == nullptr) return new RedisReply;
  auto* parent = static_cast<RedisReply*>(task->parent->obj);
  return &parent->elements[static_cast<std::size_t>(task->idx)];
}

void* MakeString(const redisReadTask* task, char* text, std::size_t size) {
  RedisReply* reply = Place(task);
  reply->kind = task->type == REDIS_REPLY_ERROR    ? RedisReply::Kind::kError
                : task->type == REDIS_REPLY_STATUS ? RedisReply::Kind::kStatus
                                                   : RedisReply::Kind::kString;
  reply->text.assign(text, size);
  return reply;
}

void* MakeArray(const redisReadTask* task, int elements) {
  auto* limits = static_cast<Limits*>(task->privdata);
  const auto count = static_cast<std::size_t>(std::max(elements, 0));
  if (count > limits->elements_left) {
    limits->exceeded = true;
    return nullptr;  // the reader gives up as if there were no memory
  }
  limits->elements_left -= count;
  RedisReply* reply = Place(task);
  reply->kind = RedisReply::Kind::kArray;
  reply->elements.resize(count);
  return reply;
}

void* MakeInteger(const redisReadTask* task, long long value) {
  RedisReply* reply = Place(task);
  reply->kind = RedisReply::Kind::kInteger;
  reply->integer = value;
  return reply;
}

void* MakeNil(const redisReadTask* task) {
  RedisReply* reply = Place(task);
  reply->kind = RedisReply::Kind::kNil;
  return reply;
}

void FreeReply(void* reply) { delete static_cast<RedisReply*>(reply); }

redisReplyObjectFunctions* Functions() {
  static redisReplyObjectFunctions functions = {MakeString, MakeArray, MakeInteger, MakeNil,
                                                FreeReply};
  return &functions;
}

struct ReaderDeleter {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};

}  // namespace

struct RedisConnection::Reader {
  Limits limits;
  std::unique_ptr<redisReader, ReaderDeleter> handle{redisReaderCreateWithFunctions(Functions())};
  Reader() {
    if (handle) handle->privdata = &limits;
  }
  // The next whole reply; nullptr if more bytes are needed.
  NetResult<std::unique_ptr<RedisReply>> Next();
};

NetResult<std::unique_ptr<RedisReply>> RedisConnection::Reader::Next() {
  void* reply = nullptr;
  if (redisReaderGetReply(handle.get(), &reply) == REDIS_OK) {
    return std::unique_ptr<RedisReply>(static_cast<RedisReply*>(reply));
  }
  if (limits.exceeded) {
    return NetFail(Reason::kResponseTooLarge, "the reply has more than 100000 elements");
  }
  // hiredis' text quotes the byte it did not expect.
  return NetFail(Reason::kProtocol, "not a Redis reply: " + base::Lower(handle->errstr));
}

RedisConnection::RedisConnection(Socket socket, const base::Secret& password)
    : socket_(std::move(socket)), reader_(std::make_unique<Reader>()), password_(password) {}
RedisConnection::RedisConnection(RedisConnection&&) noexcept = default;
RedisConnection& RedisConnection::operator=(RedisConnection&&) noexcept = default;
RedisConnection::~RedisConnection() = default;

NetResult<RedisConnection> RedisConnection::Connect(const RedisOptions& options,
                                                    base::Deadline deadline,
                                                    const base::StopToken& stop) {
  NetResult<Socket> socket = Socket::Connect(options.endpoint, IpFamily::kAny, deadline, stop);
  if (!socket) return tl::unexpected(socket.error());
  if (options.use_tls) {
    auto secured = socket->StartTls(options.tls, options.endpoint.host, deadline, stop);
    if (!secured) return tl::unexpected(secured.error());
  }
  RedisConnection connection(*std::move(socket), options.password);
  if (!connection.reader_->handle) return NetFail(Reason::kInternal, "out of memory");
  if (!options.password.empty()) {
    auto let_in = connection.Authenticate(options, deadline, stop);
    if (!let_in) return tl::unexpected(let_in.error());
  }
  return connection;
}

NetResult<void> RedisConnection::Authenticate(const RedisOptions& options, base::Deadline deadline,
                                              const base::StopToken& stop) {
  std::vector<std::string_view> words = {"AUTH"};
  if (!options.username.empty()) words.push_back(options.username);
  words.push_back(options.password.Reveal());
  const NetResult<RedisReply> reply = Command(words, deadline, stop);
  if (!reply) return tl::unexpected(reply.error());
  if (reply->kind == RedisReply::Kind::kStatus && reply->text == "OK") return {};
  if (reply->kind != RedisReply::Kind::kError) {
    return NetFail(Reason::kProtocol, "AUTH was answered with something unexpected");
  }
  // Whatever else the server dislikes about AUTH ("ERR wrong number of arguments" before Redis 6
  // for a user name), it did not let us in.
  NetError error = ErrorOf(*reply);
  if (error.reason == Reason::kProtocol) error.reason = Reason::kAuth;
  return tl::unexpected(std::move(error));
}

NetResult<RedisReply> RedisConnection::Command(const std::vector<std::string_view>& words,
                                               base::Deadline deadline,
                                               const base::StopToken& stop) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* raw = nullptr;
  const int size =
      redisFormatCommandArgv(&raw, static_cast<int>(words.size()), texts.data(), sizes.data());
  const std::unique_ptr<char, CommandDeleter> command(raw);
  if (size < 0) return NetFail(Reason::kInternal, "out of memory");
  const std::string_view bytes(command.get(), static_cast<std::size_t>(size));
  // What comes back tells more than why writing failed: a server that is full refuses and closes.
  const NetResult<void> written = socket_.WriteAll(bytes, deadline, stop);
  reader_->limits = Limits{};
  std::size_t received = 0;
  std::array<char, 16384> buffer{};
  while (true) {
    auto next = reader_->Next();
    if (!next) return tl::unexpected(next.error());
    if (*next) return std::move(**next);
    // A peer that drips bytes is always ready to be read.
    if (deadline.Expired()) return NetFail(Reason::kTimeout, "no whole reply by the deadline");
    const auto got = socket_.Read(buffer.data(), buffer.size(), deadline, stop);
    if (!got) return tl::unexpected(written ? got.error() : written.error());
    if (*got == 0) return NetFail(Reason::kConnectionReset, "the server closed the connection");
    received += *got;
    if (received > kMaxReplyBytes) {
      return NetFail(Reason::kResponseTooLarge, "the reply is longer than 4 MiB");
    }
    redisReaderFeed(reader_->handle.get(), buffer.data(), *got);
  }
}

NetError RedisConnection::ErrorOf(const RedisReply& reply) const {
  return {RedisErrorReason(reply.text), CleanRedisText(reply.text, password_)};
}

base::Result<RedisOptions> ParseRedisAddress(std::string_view address) {
  RedisOptions options;
  if (address.find("://") == address.npos) {
    base::Result<Endpoint> endpoint = ParseEndpoint(address, kDefaultPort);
    if (!endpoint) return base::Fail(endpoint.error());
    options.endpoint = *std::move(endpoint);
  } else {
    const base::Result<Url> url = ParseUrl(address);
    if (!url) return base::Fail(url.error());
    if (url->scheme == "unix") {
      options.endpoint.unix_path = url->path;
    } else if (url->scheme == "redis" || url->scheme == "rediss") {
      options.use_tls = url->scheme == "rediss";
      options.endpoint.host = url->host;
      options.endpoint.port = url->port;
    } else {
      return base::Fail("unknown scheme " + base::Quote(url->scheme),
                        "write redis://host:port, or rediss://host:port for TLS");
    }
    options.username = url->username;
    options.password = url->password;
  }
  if (!options.endpoint.is_unix() && options.endpoint.host.empty()) {
    return base::Fail("the address has no host", "write redis://host:port");
  }
  return options;
}

Reason RedisErrorReason(std::string_view error) {
  for (const Known& known : kErrors) {
    if (error.starts_with(known.start)) return known.reason;
  }
  return Reason::kProtocol;
}

std::string CleanRedisText(std::string_view text, const base::Secret& password) {
  std::string clean(text);
  const std::string& secret = password.Reveal();
  for (std::size_t at = 0; !secret.empty() && (at = clean.find(secret, at)) != clean.npos;) {
    clean.replace(at, secret.size(), base::kRedacted);
    at += base::kRedacted.size();
  }
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  if (!base::IsValidUtf8(clean)) clean = base::Quote(clean);
  return base::Truncate(clean, kMaxMessageBytes);
}

}  // namespace drwatch::net
