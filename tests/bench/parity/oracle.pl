#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Asks Debian's SpamAssassin about messages: verdict, hits and every text that its rules look at, one JSON
# object a message and line. It is the oracle of the parity tests; the product never runs it.
#
#   oracle.pl [options] FILE …          or a list of files on standard input, one path a line
#
#   --sections LIST   of: score hits body visible invisible rawbody full uris relays html flags headers
#                     parts. Default: score,hits. Without score and hits no rule is run, which is fast.
#   --headers LIST    what section headers asks for, as in header rules: "Subject,From:addr,ALL:raw"
#   --bayes           with Bayes (use_bayes 1, never learning by itself)
#   --site DIR        another site directory than /etc/spamassassin
#   --rules DIR       another directory of stock rules
#   --config TEXT     further configuration lines, read last; may be given several times
#   --set N           force score set N (0 … 3)
#   --dns ADDR:PORT   with network tests, all of whose questions go to that server
#   --home DIR        home of Bayes and user state (default: a new directory below TMPDIR)
#   --as-is           do not make CRLF into LF before SpamAssassin reads the message. Gateways hand
#                     messages over with LF, which is therefore the default.
#   --one-process     ask about all messages in one process. Values of named captures (%{NAME} in a regex) then
#                     stay those of the first message that has any: a fault of 4.0.1. Otherwise each message has
#                     a process of its own, forked where the rules have been compiled.
#   --verbose         SpamAssassin's own debugging on standard error
#
# Octets appear in JSON as code points below 256, so nothing is lost: decode a string as Latin-1.
use strict;
use warnings;
use File::Temp ();
use Getopt::Long;
use Digest::SHA qw(sha1_hex);
use POSIX ();
use Mail::SpamAssassin;

my %option = (sections => 'score,hits');
GetOptions(\%option, 'sections=s', 'headers=s', 'bayes', 'site=s', 'rules=s', 'config=s@', 'set=i',
  'home=s', 'dns=s', 'as-is', 'one-process', 'verbose')
  or die "oracle.pl: unknown option; the head of the file lists them\n";

my %wanted = map { $_ => 1 } split(/,/, $option{sections});
my @queries = split(/,/, $option{headers} // 'Subject,From,From:addr,From:name,To,ToCc,MESSAGEID,Received,'
    . 'EnvelopeFrom,ALL,ALL:raw,ALL-TRUSTED,ALL-INTERNAL,ALL-UNTRUSTED,ALL-EXTERNAL');
my $runsRules = $wanted{score} || $wanted{hits};
my $home = $option{home} // File::Temp::tempdir('pmg-oracle-XXXXXX', TMPDIR => 1, CLEANUP => 1);

my @setup = ('use_auto_welcomelist 0', 'time_limit 0', 'bayes_auto_learn 0',
  $option{bayes} ? 'use_bayes 1' : 'use_bayes 0', "bayes_path $home/bayes", 'lock_method flock',
  ($option{dns} ? ('dns_available yes', 'dns_server ' . $option{dns} =~ s/^(.*):/[$1]:/r) : ()),
  @{ $option{config} // [] });
my $engine = Mail::SpamAssassin->new({
    local_tests_only => $option{dns} ? 0 : 1,
    dont_copy_prefs => 1,
    userprefs_filename => '/dev/null',
    home_dir_for_helpers => $home,
    userstate_dir => $home,
    ($option{site} ? (site_rules_filename => $option{site}) : ()),
    ($option{rules} ? (rules_filename => $option{rules}) : ()),
    post_config_text => join("\n", @setup, ''),
    debug => $option{verbose} ? 'all' : undef,
});
$engine->init(1);
if (defined $option{set}) {
    no warnings 'redefine';
    $engine->{conf}->set_score_set($option{set});
    *Mail::SpamAssassin::Conf::set_score_set = sub { };
}

$| = 1;
if ($runsRules && !$option{'one-process'}) {
    # Rules are compiled by the first message. One without addresses leaves captures unset.
    my $first = $engine->parse(\"Subject: first\n\nfirst\n", 1);
    $engine->check($first)->finish();
    $first->finish();
}
if (@ARGV) {
    answerApart($_) for @ARGV;
} else {
    while (my $file = <STDIN>) {
        chomp $file;
        answerApart($file) if $file ne '';
    }
}
$engine->finish();

sub answerApart {
    my ($file) = @_;
    return answer($file) if $option{'one-process'};
    my $child = fork() // die "oracle.pl: fork: $!\n";
    if ($child == 0) {
        answer($file);
        POSIX::_exit(0);  # The parent removes the temporary files.
    }
    waitpid($child, 0);
}

sub answer {
    my ($file) = @_;
    open(my $input, '<:raw', $file) or do {
        warn "oracle.pl: $file: $!\n";
        return;
    };
    my $text = do { local $/; <$input> } // '';
    close($input);
    $text =~ s/\015\012/\012/g unless $option{'as-is'};

    my $message = $engine->parse(\$text, 1);
    my $status = Mail::SpamAssassin::PerMsgStatus->new($engine, $message);
    if ($runsRules) {
        $status->check();
        $status->{get_cache} = {};
    } else {
        $message->delete_header('X-Spam-.*');
        $status->extract_message_metadata();
    }
    my %result = (file => $file);
    describe($message, $status, \%result);
    print json(\%result), "\n";
    $status->finish();
    $message->finish();
}

sub describe {
    my ($message, $status, $result) = @_;
    if ($wanted{score}) {
        $result->{score} = \($status->get_score());
        $result->{set} = \($engine->{conf}->get_score_set());
    }
    if ($wanted{hits}) {
        my $scores = $status->get_names_of_tests_hit_with_scores_hash();
        $result->{hits} = { map { $_ => \($scores->{$_}) } keys %$scores };
        my $hits = $status->{tests_already_hit};
        $result->{subhits} = { map { $_ => \($hits->{$_} + 0) }
                               grep { $hits->{$_} } keys %$hits };
    }
    $result->{body} = $status->get_decoded_stripped_body_text_array() if $wanted{body};
    $result->{visible} = $message->get_visible_rendered_body_text_array() if $wanted{visible};
    $result->{invisible} = $message->get_invisible_rendered_body_text_array() if $wanted{invisible};
    $result->{rawbody} = $status->get_decoded_body_text_array() if $wanted{rawbody};
    $result->{full} = \(length($message->get_pristine())) if $wanted{full};
    $result->{uris} = uris($status) if $wanted{uris};
    $result->{relays} = relays($status) if $wanted{relays};
    $result->{html} = { map { $_ => $status->{html}{$_} } grep { !/^(?:uri_detail)$/ }
                        keys %{ $status->{html} // {} } } if $wanted{html};
    $result->{flags} = flags($message, $status) if $wanted{flags};
    $result->{headers} = { map { my @values = $status->get($_); ($_ => @values ? \@values : undef) }
                           @queries } if $wanted{headers};
    $result->{parts} = [ map { part($_) } $message->find_parts(qr/^/) ] if $wanted{parts};
}

sub uris {
    my ($status) = @_;
    my $details = $status->get_uri_detail_list() // {};
    return [ map {
        my $detail = $details->{$_};
        { raw => $_,
          types => [ sort keys %{ $detail->{types} // {} } ],
          cleaned => [ sort @{ $detail->{cleaned} // [] } ],
          anchor_text => $detail->{anchor_text} // [],
          hosts => $detail->{hosts} // {},
          domains => [ sort keys %{ $detail->{domains} // {} } ] }
    } sort keys %$details ];
}

sub relays {
    my ($status) = @_;
    my %result = map { $_ => $status->{"relays_${_}_str"} } qw(trusted untrusted internal external);
    $result{$_} = \($status->{$_} // 'null')
      for qw(last_trusted_relay_index last_internal_relay_index num_relays_unparseable);
    return \%result;
}

sub flags {
    my ($message, $status) = @_;
    my @names = qw(missing_head_body_separator truncated_header missing_mime_headers
      missing_mime_head_body_separator mime_epilogue_exists mimepart_limit_exceeded);
    my %result = map { $_ => $message->{$_} ? 1 : 0 } @names;
    $result{uri_truncated} = $status->{uri_truncated} ? 1 : 0;
    return [ sort grep { $result{$_} } keys %result ];
}

sub part {
    my ($part) = @_;
    my $decoded = exists $part->{raw} ? $part->decode() : undef;
    my @fields;
    my %seen;
    for my $name (@{ $part->{header_order} }) {
        my $index = $seen{lc $name}++;
        push @fields, [ $name, $part->{raw_headers}{lc $name}[$index], $part->{headers}{lc $name}[$index] ];
    }
    return { type => $part->{type}, effective => $part->effective_type(), charset => $part->{charset},
        name => $part->{name}, boundary => $part->{boundary}, leaf => \($part->is_leaf() ? 'true' : 'false'),
        headers => \@fields,
        (defined $decoded ? (length => \(length($decoded)), sha1 => sha1_hex($decoded)) : ()) };
}

# References to scalars are written as they are: numbers, true, null.
sub json {
    my ($value) = @_;
    return 'null' unless defined $value;
    my $kind = ref $value;
    return quoted($value) if $kind eq '';
    return "$$value" if $kind eq 'SCALAR';
    return '[' . join(',', map { json($_) } @$value) . ']' if $kind eq 'ARRAY' || $value =~ /=ARRAY/;
    if ($kind eq 'HASH') {
        return '{' . join(',', map { quoted($_) . ':' . json($value->{$_}) } sort keys %$value) . '}';
    }
    return 'null';
}

sub quoted {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    $text =~ s/([^ !#-\[\]-~])/sprintf('\\u%04x', ord $1)/ge;
    return "\"$text\"";
}
