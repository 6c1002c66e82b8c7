// SPDX-License-Identifier: GPL-2.0-or-later
// A worker as an attacker who has taken it over might run it. Its file's name says what it does.
#include "appliance/policy/spf/protocol/Wire.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace {

using namespace portcullis::policy::spf;

constexpr int taskSocket = 3;

bool readTask()
{
    std::string bytes(4, '\0');
    for (std::size_t want = 4, got = 0; got < want;) {
        const ssize_t more = ::read(taskSocket, bytes.data() + got, want - got);
        if (more <= 0) {
            return false;
        }
        got += static_cast<std::size_t>(more);
        if (got == 4 && want == 4) {
            want += wire::frameLength(bytes);
            bytes.resize(want);
        }
    }
    return true;
}

}  // namespace

int main(int /*argc*/, char **argv)
{
    const std::string path = argv[0];
    const std::string mode = path.substr(path.rfind('/') + 1);
    using Kind = wire::Reply::Kind;
    while (readTask()) {
        std::string answer;
        if (mode == "asks-a-name") {
            answer = wire::framed(wire::encode({Kind::Needs, wire::Query::A, "evil.example"}));
        } else if (mode == "asks-mail-servers") {
            answer = wire::framed(wire::encode({Kind::Needs, wire::Query::Mx, "example.org"}));
        } else if (mode == "asks-again") {
            answer = wire::framed(
                wire::encode({Kind::Needs, wire::Query::Ptr, "1.2.0.192.in-addr.arpa"}));
        } else if (mode == "answers-amiss") {
            answer = wire::framed(wire::encode({Kind::Expanded, wire::Query::A, "evil.example"}));
        } else if (mode == "answers-garbage") {
            answer = std::string(3000, '\xee');
        } else if (mode == "answers-twice") {
            answer = wire::framed(wire::encode({Kind::Matches, wire::Query::A, {}}));
            answer += answer;
        } else if (mode == "crashes") {
            std::abort();
        } else {
            ::sleep(60);
        }
        if (::write(taskSocket, answer.data(), answer.size()) < 0) {
            return 1;
        }
    }
    return 0;
}
