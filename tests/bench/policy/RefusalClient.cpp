// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-refusalclient: many short sessions that are to be refused, as robots make them; counts the replies.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::bench {

namespace {

struct Settings {
    std::uint16_t port = 0;
    int connections = 20;           ///< At once.
    long sessions = 1000;           ///< In all.
    std::uint32_t firstSource = 0;  ///< Source addresses, host byte order; 0: the kernel's choice.
    std::uint32_t sources = 1;      ///< So many from the first one on, in turn.
    bool isEarly = false;  ///< Says its first line at once, without waiting for the greeting.
    std::vector<std::string>
        lines;  ///< After the greeting and after each reply; `{n}` is the session.
};

struct Results {
    std::map<std::string, long>
        replies;  ///< Code of each session's last reply; "" if there was none.
    long done = 0;
};

[[noreturn]] void fail(const char *what)
{
    std::perror(what);
    std::exit(1);
}

std::string filled(std::string line, long number)
{
    constexpr std::string_view mark = "{n}";
    for (std::size_t at = line.find(mark); at != std::string::npos; at = line.find(mark, at)) {
        line.replace(at, mark.size(), std::to_string(number));
    }
    return line + "\r\n";
}

/// One place of the load: a connection after the other.
class Robot
{
public:
    Robot(const Settings &settings, Results &results, long &next, int epoll)
        : m_settings(settings)
        , m_results(results)
        , m_next(next)
        , m_epoll(epoll)
    {
    }
    ~Robot() { close(); }
    Robot(const Robot &) = delete;
    Robot &operator=(const Robot &) = delete;

    void begin()
    {
        if (m_next >= m_settings.sessions) {
            return;
        }
        m_number = m_next++;
        m_step = 0;
        m_input.clear();
        m_last.clear();
        m_socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (m_socket < 0) {
            fail("socket");
        }
        if (m_settings.firstSource != 0) {
            bindSource();
        }
        sockaddr_in target{};
        target.sin_family = AF_INET;
        target.sin_port = htons(m_settings.port);
        target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(m_socket, reinterpret_cast<sockaddr *>(&target), sizeof target) != 0) {
            fail("connect");
        }
        epoll_event event{};
        event.events = EPOLLIN | EPOLLRDHUP;
        event.data.ptr = this;
        ::epoll_ctl(m_epoll, EPOLL_CTL_ADD, m_socket, &event);
        if (m_settings.isEarly) {
            sayNext();
        }
    }

    void onInput()
    {
        std::array<char, 4096> buffer{};
        const ssize_t length = ::recv(m_socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (length <= 0) {
            finish();
            return;
        }
        m_input.append(buffer.data(), static_cast<std::size_t>(length));
        for (std::size_t end = m_input.find('\n'); end != std::string::npos;
             end = m_input.find('\n')) {
            const std::string line = m_input.substr(0, end);
            m_input.erase(0, end + 1);
            if (line.size() > 3 && line[3] != '-' && !onReply(line.substr(0, 3))) {
                return;
            }
        }
    }

private:
    void bindSource() const
    {
        const int yes = 1;
        ::setsockopt(m_socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        sockaddr_in source{};
        source.sin_family = AF_INET;
        source.sin_addr.s_addr = htonl(m_settings.firstSource
                                       + static_cast<std::uint32_t>(m_number)
                                             % std::max(1U, m_settings.sources));
        if (::bind(m_socket, reinterpret_cast<sockaddr *>(&source), sizeof source) != 0) {
            fail("bind");
        }
    }

    /// False: the session is over.
    bool onReply(const std::string &code)
    {
        m_last = code;
        const bool isRefused = code[0] == '4' || code[0] == '5';
        if (isRefused || m_step >= m_settings.lines.size()) {
            finish();
            return false;
        }
        sayNext();
        return true;
    }

    void sayNext()
    {
        const std::string line = filled(m_settings.lines[m_step++], m_number);
        static_cast<void>(::send(m_socket, line.data(), line.size(), MSG_NOSIGNAL));
    }

    void finish()
    {
        ++m_results.replies[m_last];
        ++m_results.done;
        close();
        begin();
    }

    void close()
    {
        if (m_socket >= 0) {
            // Robots just go; and no port is kept from the next run.
            const linger hard{1, 0};
            ::setsockopt(m_socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            ::close(m_socket);
            m_socket = -1;
        }
    }

    const Settings &m_settings;
    Results &m_results;
    long &m_next;
    int m_epoll;
    int m_socket = -1;
    long m_number = 0;
    std::size_t m_step = 0;
    std::string m_input;
    std::string m_last;
};

Settings parse(int argc, char *argv[])
{
    Settings settings;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--early") {
            settings.isEarly = true;
            continue;
        }
        if (i + 1 >= argc) {
            break;
        }
        const char *value = argv[++i];
        if (name == "--port") {
            settings.port = static_cast<std::uint16_t>(std::atoi(value));
        } else if (name == "--connections") {
            settings.connections = std::atoi(value);
        } else if (name == "--sessions") {
            settings.sessions = std::atol(value);
        } else if (name == "--from") {
            settings.firstSource = ntohl(::inet_addr(value));
        } else if (name == "--sources") {
            settings.sources = static_cast<std::uint32_t>(std::atoi(value));
        } else if (name == "--say") {
            settings.lines.emplace_back(value);
        }
    }
    if (settings.port == 0 || (settings.isEarly && settings.lines.empty())) {
        std::fputs("Usage: pmg-refusalclient --port N [--connections N] [--sessions N] [--from IP "
                   "--sources N] [--early] --say LINE …\n",
                   stderr);
        std::exit(2);
    }
    return settings;
}

double secondsOf(const timeval &time)
{
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

void print(const Results &results, double seconds)
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    std::string replies;
    for (const auto &[code, count] : results.replies) {
        replies += (replies.empty() ? "\"" : ", \"") + code + "\": " + std::to_string(count);
    }
    std::printf("{\"sessions\": %ld, \"seconds\": %.6f, \"client_cpu\": %.6f, \"replies\": {%s}}\n",
                results.done, seconds, secondsOf(usage.ru_utime) + secondsOf(usage.ru_stime),
                replies.c_str());
}

}  // namespace

int run(int argc, char *argv[])
{
    const Settings settings = parse(argc, argv);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    Results results;
    long next = 0;
    std::vector<std::unique_ptr<Robot>> robots;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < settings.connections; ++i) {
        robots.push_back(std::make_unique<Robot>(settings, results, next, epoll));
        robots.back()->begin();
    }
    std::array<epoll_event, 64> events{};
    while (results.done < settings.sessions) {
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()),
                                       60'000);
        if (count == 0) {
            std::fputs("pmg-refusalclient: no reply for a minute\n", stderr);
            return 1;
        }
        for (int i = 0; i < count; ++i) {
            static_cast<Robot *>(events[static_cast<std::size_t>(i)].data.ptr)->onInput();
        }
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    print(results, time.count());
    return 0;
}

}  // namespace portcullis::bench

int main(int argc, char *argv[])
{
    return portcullis::bench::run(argc, argv);
}
