// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/QueryWatchdog.h"

#include <sys/socket.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace portcullis::store {

namespace {

class SocketWatch
{
public:
    SocketWatch()
        : m_thread([this]() { run(); })
    {
    }
    ~SocketWatch()
    {
        {
            const std::scoped_lock lock(m_mutex);
            m_isEnding = true;
        }
        m_changed.notify_one();
        m_thread.join();
    }
    SocketWatch(const SocketWatch &) = delete;
    SocketWatch &operator=(const SocketWatch &) = delete;

    std::uint64_t add(int socket, std::chrono::milliseconds limit)
    {
        const std::scoped_lock lock(m_mutex);
        m_waits[++m_lastTicket] = {socket, std::chrono::steady_clock::now() + limit};
        return m_lastTicket;
    }

    void remove(std::uint64_t ticket)
    {
        const std::scoped_lock lock(m_mutex);
        m_waits.erase(ticket);
    }

private:
    struct Wait {
        int socket = -1;
        std::chrono::steady_clock::time_point deadline;
    };

    /// Looks a few times a second instead of being woken by each statement: limits are seconds long.
    void run()
    {
        std::unique_lock lock(m_mutex);
        while (!m_isEnding) {
            m_changed.wait_for(lock, std::chrono::milliseconds(250));
            const auto now = std::chrono::steady_clock::now();
            for (auto &[ticket, wait] : m_waits) {
                if (wait.socket >= 0 && wait.deadline <= now) {
                    ::shutdown(wait.socket, SHUT_RDWR);
                    wait.socket = -1;
                }
            }
        }
    }

    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::map<std::uint64_t, Wait> m_waits;
    std::uint64_t m_lastTicket = 0;
    bool m_isEnding = false;
    std::thread m_thread;
};

SocketWatch &socketWatch()
{
    static SocketWatch watch;
    return watch;
}

}  // namespace

QueryWatchdog::Guard::Guard(int socket, std::chrono::milliseconds limit)
    : m_ticket(socketWatch().add(socket, limit))
{
}

QueryWatchdog::Guard::~Guard()
{
    socketWatch().remove(m_ticket);
}

}  // namespace portcullis::store
