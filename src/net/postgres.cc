#include "net/postgres.h"

#include <libpq-fe.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "net/postgres_dsn.h"
#include "net/postgres_error.h"
#include "net/tls_context.h"

namespace drwatch::net {
namespace {

NetError DeadlinePassed(const char* doing) {
  return {model::Reason::kTimeout, std::string("no answer while ") + doing};
}

void IgnoreNotice(void* /*argument*/, const pg_result* /*result*/) {}

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

PostgresStage StageOf(const pg_conn* handle) {
  switch (PQstatus(handle)) {
    case CONNECTION_NEEDED:
    case CONNECTION_STARTED:
      return PostgresStage::kConnecting;
    case CONNECTION_MADE:
    case CONNECTION_SSL_STARTUP:
    case CONNECTION_GSS_STARTUP:
      return PostgresStage::kTls;
    default:  // everything later, and what libpq may add
      return PostgresStage::kStartup;
  }
}

const char* StageName(PostgresStage stage) {
  switch (stage) {
    case PostgresStage::kConnecting:
      return "connecting";
    case PostgresStage::kTls:
      return "negotiating TLS";
    case PostgresStage::kStartup:
      return "logging in";
  }
  return "logging in";
}

// What the kernel received on this connection; 0 for unix sockets.
std::int64_t ReceivedBytes(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return static_cast<std::int64_t>(info.tcpi_bytes_received);
}

std::string RemoteAddress(const pg_conn* handle) {
  const char* address = PQhostaddr(handle);
  const bool socket = address == nullptr || *address == '\0' || *address == '/';
  const char* shown = socket ? PQhost(handle) : address;
  const std::string host = shown == nullptr ? "" : shown;
  const char* port = PQport(handle);
  const bool v6 = !socket && host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + (port == nullptr ? "" : port);
}

// The part of the time left that one of `parts` attempts gets.
base::Deadline Share(base::Deadline deadline, std::size_t parts) {
  const auto count = static_cast<std::int64_t>(std::max<std::size_t>(parts, 1));
  return deadline.Min(base::Deadline::After(deadline.Remaining() / count));
}

// A pooler that does not know the parameter `options` says so with 08P01 and its name.
bool RefusesOptions(const NetError& error) {
  return error.message.find("unsupported startup parameter") != std::string::npos;
}

void RemoveOptions(PostgresAttempt& attempt) {
  const auto found = std::find(attempt.keywords.begin(), attempt.keywords.end(), "options");
  if (found == attempt.keywords.end()) return;
  attempt.values.erase(attempt.values.begin() + (found - attempt.keywords.begin()));
  attempt.keywords.erase(found);
}

}  // namespace

PostgresRows::PostgresRows(pg_result* result) : result_(result) {}
PostgresRows::PostgresRows(PostgresRows&& other) noexcept
    : result_(std::exchange(other.result_, nullptr)) {}
PostgresRows& PostgresRows::operator=(PostgresRows&& other) noexcept {
  std::swap(result_, other.result_);
  return *this;
}
PostgresRows::~PostgresRows() { PQclear(result_); }

std::optional<NetError> PostgresRows::Failure(const base::Secret& password) const {
  const ExecStatusType status = PQresultStatus(result_);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return std::nullopt;
  if (status != PGRES_FATAL_ERROR && status != PGRES_NONFATAL_ERROR) {
    return NetError{model::Reason::kProtocol, "the server's answer is no table"};
  }
  const char* sqlstate = PQresultErrorField(result_, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result_, PG_DIAG_MESSAGE_PRIMARY);
  // An error that libpq made up itself has no fields: the connection broke.
  if (sqlstate == nullptr) {
    return ClassifyPostgresLogin(PQresultErrorMessage(result_), PostgresStage::kStartup, password);
  }
  return ClassifyPostgresStatement(sqlstate, message == nullptr ? "" : message, password);
}

int PostgresRows::size() const { return PQntuples(result_); }

bool PostgresRows::IsNull(int row, const char* column) const {
  const int field = PQfnumber(result_, column);
  return row < 0 || row >= size() || field < 0 || PQgetisnull(result_, row, field) == 1;
}

std::string PostgresRows::Text(int row, const char* column) const {
  if (IsNull(row, column)) return {};
  const int field = PQfnumber(result_, column);
  return {PQgetvalue(result_, row, field),
          static_cast<std::size_t>(PQgetlength(result_, row, field))};
}

std::optional<double> PostgresRows::Number(int row, const char* column) const {
  if (IsNull(row, column)) return std::nullopt;
  return base::ParseDouble(Text(row, column));
}

std::optional<std::int64_t> PostgresRows::Int(int row, const char* column) const {
  if (IsNull(row, column)) return std::nullopt;
  return base::ParseInt(Text(row, column));
}

std::optional<bool> PostgresRows::Bool(int row, const char* column) const {
  if (IsNull(row, column)) return std::nullopt;
  return Text(row, column) == "t";
}

PostgresConnection::PostgresConnection(PostgresConnection&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      remote_(std::move(other.remote_)),
      password_(std::move(other.password_)) {}
PostgresConnection& PostgresConnection::operator=(PostgresConnection&& other) noexcept {
  std::swap(handle_, other.handle_);
  remote_ = std::move(other.remote_);
  password_ = std::move(other.password_);
  return *this;
}
PostgresConnection::~PostgresConnection() { Close(); }

void PostgresConnection::Close() { PQfinish(std::exchange(handle_, nullptr)); }

bool PostgresConnection::usable() const {
  return handle_ != nullptr && PQstatus(handle_) == CONNECTION_OK;
}

int PostgresConnection::server_version() const {
  return handle_ == nullptr ? 0 : PQserverVersion(handle_);
}

std::optional<NetError> PostgresConnection::Wait(short events, const char* doing,
                                                 base::Deadline deadline,
                                                 const base::StopToken& stop) {
  const int socket = PQsocket(handle_);
  if (socket < 0) return ConnectionLost();
  if (ReceivedBytes(socket) > kMaxReceivedBytes) {
    return NetError{model::Reason::kResponseTooLarge, "the server sends more than 16 MiB"};
  }
  // A peer that drips bytes keeps its socket ready for ever.
  if (deadline.Expired()) return DeadlinePassed(doing);
  std::vector<pollfd> fds = {pollfd{socket, events, 0}};
  switch (base::PollUntil(fds, deadline, stop)) {
    case base::WaitResult::kReady:
      return std::nullopt;
    case base::WaitResult::kStopped:
      return StoppedError();
    case base::WaitResult::kTimeout:
      return DeadlinePassed(doing);
  }
  return std::nullopt;
}

NetResult<PostgresConnection> PostgresConnection::ConnectOne(
    const std::vector<std::string>& keywords, const std::vector<std::string>& values,
    const base::Secret& password, base::Deadline deadline, const base::StopToken& stop) {
  std::vector<const char*> keyword_pointers = Pointers(keywords);
  std::vector<const char*> value_pointers = Pointers(values);
  keyword_pointers.push_back(nullptr);
  value_pointers.push_back(nullptr);
  PostgresConnection connection;
  connection.password_ = password;
  connection.handle_ = PQconnectStartParams(keyword_pointers.data(), value_pointers.data(), 0);
  pg_conn* handle = connection.handle_;
  if (handle == nullptr) return NetFail(model::Reason::kInternal, "out of memory");
  PQsetNoticeReceiver(handle, IgnoreNotice, nullptr);  // the default prints to standard error
  PQsetErrorVerbosity(handle, PQERRORS_VERBOSE);       // brings SQLSTATE into login errors
  PostgresStage stage = PostgresStage::kConnecting;
  PostgresPollingStatusType state =
      PQstatus(handle) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) {
      return tl::unexpected(ClassifyPostgresLogin(PQerrorMessage(handle), stage, password));
    }
    stage = StageOf(handle);
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    // The socket may be another one after each step: Wait() asks for it anew.
    if (auto error = connection.Wait(events, StageName(stage), deadline, stop)) {
      return tl::unexpected(*std::move(error));
    }
    state = PQconnectPoll(handle);
  }
  if (PQsetnonblocking(handle, 1) != 0) return tl::unexpected(connection.ConnectionLost());
  connection.remote_ = RemoteAddress(handle);
  return connection;
}

NetResult<PostgresConnection> PostgresConnection::Connect(const PostgresOptions& options,
                                                          base::Deadline deadline,
                                                          const base::StopToken& stop) {
  PrepareNetwork();
  NetResult<PostgresDsn> dsn = ParsePostgresDsn(options.dsn);
  if (!dsn) return tl::unexpected(dsn.error());
  std::string& wanted = dsn->parameters[std::string(kSessionAttrs)];
  if (wanted == "prefer-standby") {
    wanted = "standby";
    auto made = ConnectToAny(options, *dsn, Share(deadline, 2), stop);
    if (made || stop.stopped()) return made;
    wanted = "any";
  }
  return ConnectToAny(options, *dsn, deadline, stop);
}

NetResult<PostgresConnection> PostgresConnection::ConnectToAny(const PostgresOptions& options,
                                                               const PostgresDsn& dsn,
                                                               base::Deadline deadline,
                                                               const base::StopToken& stop) {
  base::Secret password = options.password;
  if (const auto own = dsn.parameters.find("password");
      password.empty() && own != dsn.parameters.end()) {
    password = base::Secret(own->second);
  }
  std::optional<NetError> first_error;
  std::size_t hosts_left = dsn.hosts.size();
  for (const PostgresHost& host : dsn.hosts) {
    const base::Deadline host_deadline = Share(deadline, hosts_left--);
    auto attempts = MakePostgresAttempts(options, dsn, host, host_deadline, stop);
    if (!attempts) {
      if (!first_error) first_error = attempts.error();
      continue;
    }
    std::size_t attempts_left = attempts->size() + hosts_left;
    for (PostgresAttempt& attempt : *attempts) {
      const base::Deadline until = Share(deadline, attempts_left--);
      auto made = ConnectOne(attempt.keywords, attempt.values, password, until, stop);
      if (!made && RefusesOptions(made.error())) {
        RemoveOptions(attempt);
        made = ConnectOne(attempt.keywords, attempt.values, password, until, stop);
      }
      if (made || stop.stopped()) return made;
      if (!first_error) first_error = std::move(made.error());
    }
  }
  return tl::unexpected(*std::move(first_error));
}

NetError PostgresConnection::ConnectionLost() const {
  return ClassifyPostgresLogin(PQerrorMessage(handle_), PostgresStage::kStartup, password_);
}

std::optional<NetError> PostgresConnection::Flush(base::Deadline deadline,
                                                  const base::StopToken& stop) {
  while (true) {
    const int state = PQflush(handle_);
    if (state == 0) return std::nullopt;
    if (state < 0) return ConnectionLost();
    if (auto error = Wait(POLLIN | POLLOUT, "sending a query", deadline, stop)) return error;
    if (PQconsumeInput(handle_) == 0) return ConnectionLost();
  }
}

std::optional<NetError> PostgresConnection::ConsumeReply(base::Deadline deadline,
                                                         const base::StopToken& stop) {
  while (PQisBusy(handle_) == 1) {
    if (auto error = Wait(POLLIN, "waiting for a query", deadline, stop)) return error;
    if (PQconsumeInput(handle_) == 0) return ConnectionLost();
  }
  return std::nullopt;
}

NetResult<PostgresRows> PostgresConnection::Query(const std::string& sql,
                                                  const std::vector<std::string>& parameters,
                                                  base::Deadline deadline,
                                                  const base::StopToken& stop) {
  if (!usable()) return NetFail(model::Reason::kConnectionReset, "the connection is closed");
  const std::vector<const char*> values = Pointers(parameters);
  const int sent = PQsendQueryParams(handle_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                                     values.data(), nullptr, nullptr, 0);
  std::optional<NetError> error;
  if (sent == 0) error = ConnectionLost();
  if (!error) error = Flush(deadline, stop);
  std::optional<PostgresRows> rows;
  while (!error) {
    error = ConsumeReply(deadline, stop);
    pg_result* result = error ? nullptr : PQgetResult(handle_);
    if (result == nullptr) break;
    // One statement has one result; a second one, or a COPY that never ends, is no honest server's.
    const ExecStatusType status = PQresultStatus(result);
    if (rows || status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      PQclear(result);
      error = NetError{model::Reason::kProtocol, "the server answered one query more than once"};
    } else {
      rows.emplace(result);
    }
  }
  if (error) {
    // What is still under way would be the next query's answer.
    Close();
    return tl::unexpected(*std::move(error));
  }
  if (!rows) return NetFail(model::Reason::kProtocol, "the server gave no result");
  if (std::optional<NetError> failure = rows->Failure(password_)) {
    return tl::unexpected(*std::move(failure));
  }
  return *std::move(rows);
}

}  // namespace drwatch::net
