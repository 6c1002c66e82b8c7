// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <ctime>
#include <mutex>

namespace portcullis::log {

namespace {

constexpr int syslogFacilityMail = 2 << 3;  // RFC 5424 §6.2.1
constexpr int maxLine = 8192;               ///< Longer lines are cut: one datagram, one write.

/// The open log. Guarded by a mutex because setTarget() may replace the file (rotation).
struct OpenLog {
    std::mutex mutex;
    Target target;
    int descriptor = -1;
    unsigned dropped = 0;
    bool isMidLine = false;  ///< A line was written in part (disk full); the next one starts anew.
};

OpenLog &openLog()
{
    static OpenLog log;
    return log;
}

int openSyslog()
{
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, "/dev/log", sizeof address.sun_path - 1);
    if (descriptor >= 0
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the socket API's own idiom
        && ::connect(descriptor, reinterpret_cast<const sockaddr *>(&address), sizeof address)
               != 0) {
        ::close(descriptor);
        return -1;
    }
    return descriptor;
}

int syslogLevel(Severity severity)
{
    switch (severity) {
    case Severity::Debug:
        return 7;
    case Severity::Info:
        return 6;
    case Severity::Notice:
        return 5;
    case Severity::Warning:
        return 4;
    case Severity::Error:
        return 3;
    case Severity::Critical:
        return 2;
    }
    return 6;
}

const char *severityName(Severity severity)
{
    static constexpr std::array names{"debug", "info", "notice", "warning", "error", "critical"};
    return names[static_cast<size_t>(severity)];
}

QByteArray timestamp()
{
    const auto now = std::chrono::system_clock::now();
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    const std::time_t seconds = micros / 1'000'000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 40> text{};
    const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    return QByteArray(text.data(), static_cast<qsizetype>(length)) + '.'
           + QByteArray::number(micros % 1'000'000).rightJustified(6, '0') + 'Z';
}

QByteArray header(const OpenLog &log, Severity severity)
{
    const QByteArray tag = log.target.program + '[' + QByteArray::number(::getpid()) + "]: ";
    if (log.target.filePath.isEmpty()) {
        return '<' + QByteArray::number(syslogFacilityMail | syslogLevel(severity)) + '>' + tag
               + severityName(severity) + ' ';
    }
    return timestamp() + ' ' + tag + severityName(severity) + ' ';
}

int openFile(const QByteArray &path)
{
    return ::open(path.constData(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
}

/// Only what fits without waiting: nobody reading our stderr must not stop mail.
void echo(QByteArrayView line)
{
    pollfd room{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0) {
        const auto size = std::min<size_t>(static_cast<size_t>(line.size()), PIPE_BUF);
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), size);
    }
}

bool writeToFile(OpenLog &log, const QByteArray &line)
{
    const QByteArray text = log.isMidLine ? '\n' + line : line;
    const ssize_t written = ::write(log.descriptor, text.constData(),
                                    static_cast<size_t>(text.size()));
    log.isMidLine = written > 0 ? text.at(written - 1) != '\n' : log.isMidLine;
    return written == text.size();
}

bool emitLine(OpenLog &log, const QByteArray &line)
{
    const bool isFile = !log.target.filePath.isEmpty();
    if (log.target.echoToStderr) {
        echo(isFile ? line : line + '\n');
    }
    if (log.descriptor < 0) {
        log.descriptor = isFile ? openFile(log.target.filePath) : openSyslog();
    }
    if (log.descriptor < 0) {
        return false;
    }
    if (isFile) {
        return writeToFile(log, line);
    }
    if (::write(log.descriptor, line.constData(), static_cast<size_t>(line.size()))
        == line.size()) {
        return true;
    }
    if (errno != EAGAIN) {
        ::close(log.descriptor);  // The syslog service was restarted; its socket is a new one.
        log.descriptor = -1;
    }
    return false;
}

}  // namespace

void setTarget(Target target)
{
    OpenLog &log = openLog();
    const std::scoped_lock lock(log.mutex);
    if (log.descriptor >= 0) {
        ::close(log.descriptor);
    }
    log.target = std::move(target);
    log.isMidLine = false;
    log.descriptor = log.target.filePath.isEmpty() ? openSyslog() : openFile(log.target.filePath);
}

QByteArray quoted(QByteArrayView value)
{
    static constexpr char hex[] = "0123456789abcdef";
    bool isPlain = !value.isEmpty();
    QByteArray text;
    text.reserve(value.size() + 2);
    for (const char c : value) {
        const auto byte = static_cast<uchar>(c);
        if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
            text.append("\\x").append(hex[byte >> 4]).append(hex[byte & 15]);
            isPlain = false;
        } else {
            isPlain = isPlain && c != ' ' && c != '=';
            text.append(c);
        }
    }
    return isPlain ? text : '"' + text + '"';
}

QByteArray format(const char *id, QByteArrayView queueId, std::initializer_list<Field> fields)
{
    QByteArray line(id);
    if (!queueId.isEmpty()) {
        line.append(' ').append(queueId);
    }
    line.append(':');
    for (const Field &field : fields) {
        if (!field.second.isEmpty()) {
            line.append(' ').append(field.first).append('=').append(quoted(field.second));
        }
    }
    return line;
}

void write(Severity severity,
           const char *id,
           QByteArrayView queueId,
           std::initializer_list<Field> fields)
{
    OpenLog &log = openLog();
    const std::scoped_lock lock(log.mutex);
    if (severity < log.target.threshold) {
        return;
    }
    QByteArray line = header(log, severity) + format(id, queueId, fields);
    line.truncate(maxLine - 64);
    if (log.dropped > 0) {
        line.append(" log-lines-dropped=").append(QByteArray::number(log.dropped));
    }
    if (!log.target.filePath.isEmpty()) {
        line.append('\n');
    }
    log.dropped = emitLine(log, line) ? 0 : log.dropped + 1;
}

}  // namespace portcullis::log
